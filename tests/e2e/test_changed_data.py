"""A vendor's data change later: through the command line into a real Elasticsearch, the index always equals the truth.

This process serves the simulator twice on the same port: at the organisation's time, and a day later, when live meetings have ended, delayed records are ready and late sessions have arrived. (Another `--now` would make another organisation.) Each has its own truth.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from unittest.mock import patch
from urllib.parse import urlsplit

import orjson
import pytest

from harvester.simulator import server
from harvester.simulator.clock import SimulatedClock
from harvester.simulator.expected.zoom import ExpectedZoom
from harvester.simulator.organisation import Case, Organisation, milliseconds
from tests.e2e.harness import Documents, Harvester, by_id, differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.test_zoom import hits, stored

pytestmark = pytest.mark.with_templates

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=26)
"""Behind the quiet hour, what was live, unready or late at NOW is settled three and a half hours later."""
ALL_DAYS = ["--from", "2026-11-17", "--to", "2026-11-20"]
OPTIONS = partial(server.Options, seed=11, size=60, days=3, now=NOW, speed=25.0, vendors=("zoom",))


class Vendor:
    """The same account at any time. `at` serves it at that time, and yields a harvester with the same clock."""

    def __init__(self, sandbox: IndexSandbox) -> None:
        self._place = sandbox
        self._port = 0

    @contextmanager
    def at(self, shown: datetime) -> Iterator[Harvester]:
        def made(_now: datetime, **speeds: float) -> SimulatedClock:
            return SimulatedClock(shown, **speeds)

        with (
            patch.object(server, "SimulatedClock", made),
            server.serving(OPTIONS(port=self._port)) as settings,
        ):
            self._port = urlsplit(settings["ZOOM_API_URL"]).port or 0
            where = {"ES_HOST": self._place.node.url, "ES_INDEX_PREFIX": self._place.prefix}
            yield Harvester(self._place.folder, {**settings, **where})

    def run(self, shown: datetime, *words: str) -> str:
        """Run once, with exit code 0. Returns stderr."""
        with self.at(shown) as harvester:
            ended = harvester("zoom", *words)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stderr.decode()


@cache
def truth(shown: datetime, *, qos: bool = False) -> Documents:
    """The documents of a perfect harvest that begins at this time."""
    answer = _zoom(qos=qos)
    answer._organisation.now = milliseconds(shown)
    return by_id(orjson.loads(orjson.dumps(each, option=orjson.OPT_UTC_Z)) for each in answer.documents())


def _zoom(*, qos: bool) -> ExpectedZoom:
    organisation = Organisation(seed=11, size=60, days=3, now=NOW)
    return ExpectedZoom(organisation, source="dashboard", qos=qos, webinars=False, account="main")


def late_alone(documents: Documents, *, wanted: bool = True) -> Documents:
    """Only the meetings with sessions that appear late while their listing row stays the same; or all other meetings."""
    late = _late()
    return {
        name: document
        for name, document in documents.items()
        if ((document.get("meeting") or document["uuid"]) in late) is wanted
    }


@cache
def _late() -> frozenset[str]:
    instances = _zoom(qos=False)._account.instances
    return frozenset(each.uuid for each in instances if each.meeting.case is Case.late)


def wrong(sandbox: IndexSandbox, answer: Documents) -> list[str]:
    """The differences between the index and the truth, without sessions that no harvest can know of."""
    return differences(late_alone(stored(sandbox), wanted=False), late_alone(answer, wanted=False))


@pytest.fixture
def vendor(newest: IndexSandbox) -> Vendor:
    return Vendor(newest)


def test_the_truth_itself_changes_in_between() -> None:
    before, after = truth(NOW), truth(LATER)
    assert after.keys() > before.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert {"live", "basic"} == {before[name]["detail"] for name in changed}
    assert not any(document["detail"] == "live" for document in after.values())
    assert late_alone(before).keys() < late_alone(after).keys()


def test_live_meetings_that_end_are_what_one_late_harvest_would_have_made(
    newest: IndexSandbox, vendor: Vendor
) -> None:
    vendor.run(NOW)  # the first night, which wants yesterday
    vendor.run(NOW, *ALL_DAYS)
    assert differences(stored(newest), truth(NOW)) == []
    before = {hit["_id"]: hit["_version"] for hit in hits(newest)}

    vendor.run(LATER)
    assert wrong(newest, truth(LATER)) == []
    vendor.run(
        LATER
    )  # what came out of the journal is seen in a list for the first time, and may be read once more
    assert wrong(newest, truth(LATER)) == []
    after = {hit["_id"]: hit["_version"] for hit in hits(newest)}
    assert all(after[name] >= version for name, version in before.items() if name in after)

    vendor.run(LATER)
    vendor.run(LATER, *ALL_DAYS)
    assert {hit["_id"]: hit["_version"] for hit in hits(newest)} == after


def test_late_sessions_are_stored_by_the_next_night(newest: IndexSandbox, vendor: Vendor) -> None:
    vendor.run(NOW)
    vendor.run(NOW, *ALL_DAYS)
    vendor.run(LATER)
    assert differences(late_alone(stored(newest)), late_alone(truth(LATER))) == []


def test_a_re_read_without_qos_loses_nothing_of_one_with_it(newest: IndexSandbox, vendor: Vendor) -> None:
    vendor.run(NOW, "--qos")
    vendor.run(NOW, "--qos", *ALL_DAYS)
    assert differences(stored(newest), truth(NOW, qos=True)) == []
    vendor.run(LATER)
    assert wrong(newest, truth(LATER, qos=True)) == []
    vendor.run(LATER, "--force", *ALL_DAYS)
    assert differences(stored(newest), truth(LATER, qos=True)) == []


def test_a_later_run_with_quality_reads_meetings_stored_without_it_again(
    newest: IndexSandbox, vendor: Vendor
) -> None:
    vendor.run(NOW)
    vendor.run(NOW, *ALL_DAYS)
    vendor.run(LATER, "--qos", *ALL_DAYS)
    assert differences(stored(newest), truth(LATER, qos=True)) == []


def test_a_lost_state_folder_costs_another_harvest_and_nothing_else(
    newest: IndexSandbox, vendor: Vendor
) -> None:
    vendor.run(NOW, *ALL_DAYS)
    assert differences(stored(newest), truth(NOW)) == []
    shutil.rmtree(newest.folder / "state")
    vendor.run(NOW, *ALL_DAYS)
    assert differences(stored(newest), truth(NOW)) == []
    shutil.rmtree(newest.folder / "state")
    vendor.run(LATER, *ALL_DAYS)
    assert differences(stored(newest), truth(LATER)) == []
