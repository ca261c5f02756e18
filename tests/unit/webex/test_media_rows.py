"""Rows of qualities, decoded at once or by way of dicts."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.json_body import parse_body
from connectors.webex.mapping import to_sessions
from connectors.webex.media_rows import MediaPage, MediaRow, to_media_row
from connectors.webex.quality import with_quality
from tests.unit.webex.fake_api import media_row, participant_row, stream, without

numbers = st.one_of(st.integers(-2, 2_000), st.floats(-2, 2_000), st.sampled_from([-1, 10**13, 2**63]))
lists = st.lists(numbers, max_size=5)
odd = st.one_of(st.none(), st.booleans(), st.text(max_size=3), st.dictionaries(st.text(max_size=3), numbers))
streams = st.builds(stream, latency=lists, jitter=lists, resolutionHeight=lists, frameRate=lists)
odd_streams = st.builds(stream, latency=st.lists(numbers | odd, max_size=5), jitter=lists | odd)


def rows_of(streams_of: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        media_row, audioIn=streams_of, videoOut=streams_of, participantSessionId=st.text(max_size=1)
    )


def decoded(rows: list[dict[str, Any]]) -> Any:
    page = parse_body(orjson.dumps({"items": rows}), shape=MediaPage).value
    return page.items if isinstance(page, MediaPage) else page["items"]


@given(st.lists(rows_of(st.lists(streams, max_size=3)), max_size=4))
def test_a_page_is_decoded_at_once(rows: list[dict[str, Any]]) -> None:
    assert all(type(row) is MediaRow for row in decoded(rows))
    assert decoded(rows) == [to_media_row(row) for row in rows]


@given(
    st.lists(
        rows_of(st.lists(streams, max_size=3)) | rows_of(st.lists(odd_streams | odd, max_size=2) | odd),
        max_size=4,
    ),
    st.booleans(),
)
def test_sessions_do_not_depend_on_how_rows_are_decoded(rows: list[dict[str, Any]], series: bool) -> None:
    stays = list(to_sessions(participant_row()))
    one, other = (with_quality(stays, found, series=series) for found in (decoded(rows), rows))
    assert [msgspec.structs.asdict(session) for session in one] == [
        msgspec.structs.asdict(session) for session in other
    ]


@pytest.mark.parametrize("name", sorted(media_row()))
@pytest.mark.parametrize("value", [None, 7, "x", [7], {"x": 7}])
def test_a_row_with_an_odd_value_is_read(name: str, value: object) -> None:
    row = to_media_row(media_row(**{name: value}))
    absent = to_media_row(without(media_row(), name))
    changed = {field for field in row.__struct_fields__ if getattr(row, field) != getattr(absent, field)}
    assert len(changed) <= 1


def test_an_odd_sample_keeps_its_place() -> None:
    row = to_media_row(media_row(audioIn=[stream(latency=[1, None, "2", 3])]))
    assert row.audio_in[0].latency_ms == [1, -1, -1, 3]
