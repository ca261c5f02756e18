"""The index that the settings name, and a file."""

from __future__ import annotations

import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigurationError, OutputError
from harvester.config import Environment
from harvester.pipeline.destination import StreamDestination, elastic_config, open_file
from tests.invented_meetings import loads, many


def config_of(host: str) -> str:
    return elastic_config(Environment(values={"ES_HOST": host})).url


@pytest.mark.parametrize(
    "host",
    [
        "http://127.0.0.1:9200",
        "http://elasticsearch:9200",
        "http://10.0.0.1:9200",
        "https://es.example.org:443",
    ],
)
def test_http_to_a_nearby_host_and_https_are_accepted_in_silence(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert config_of(host) == host
    assert caplog.messages == []


def test_http_to_a_remote_host_is_accepted_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert config_of("http://es.example.org:9200") == "http://es.example.org:9200"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "unencrypted" in caplog.text


def test_a_file_is_replaced_by_a_complete_one_only(tmp_path: Path) -> None:
    path = tmp_path / "documents.ndjson"
    path.write_text("old")
    with open_file(path) as file:
        file.complete = False
    assert path.read_text() == "old"
    with pytest.raises(ZeroDivisionError), open_file(path):
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with open_file(path):
        pass
    assert path.read_text() == ""
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_file_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "documents.ndjson"
    with pytest.raises(OutputError, match=r"nowhere/documents\.ndjson cannot be written"), open_file(path):
        pass


class SlowStream(io.BytesIO):
    """Writes byte by byte, and lets other threads run in between, as a pipe may."""

    def write(self, content: Any) -> int:
        for byte in bytes(content):
            super().write(bytes([byte]))
            if byte == ord(","):
                time.sleep(0)
        return len(content)


def test_accounts_that_share_a_stream_write_whole_lines() -> None:
    stream = SlowStream()
    destination = StreamDestination("stdout", stream)

    def write(_: int) -> None:
        with destination.for_account() as own:
            list(own.sink().load(loads(many(5))))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    kinds = [json.loads(line)["kind"] for line in stream.getvalue().splitlines()]
    assert kinds.count("meeting") == 20


def test_an_address_of_an_option_is_named_by_the_option() -> None:
    given = Environment(values={"ES_HOST": "http://es:9200"}).override("ES_HOST", "es:9200", "--es-host")
    with pytest.raises(ConfigurationError, match=r"^--es-host does not begin with https:// or http://: put "):
        elastic_config(given)
    assert given.override("ES_HOST", "x").spelled("ES_HOST") == "ES_HOST"
