"""What is said while Elasticsearch is waited for, and when it is given up."""

from __future__ import annotations

import pytest

from connectors.errors import Unreachable
from tests.unit.sinks.elastic.fake_elasticsearch import Waits


def test_it_says_how_long_it_tries_and_at_the_end_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: (least + most) / 2)
    tries = Waits().policy(20.0).start()
    with pytest.raises(Unreachable) as given_up:
        while True:
            tries.backoff("Elasticsearch at http://127.0.0.1:9 cannot be reached")
    assert set(caplog.messages) == {
        "Elasticsearch at http://127.0.0.1:9 cannot be reached; trying again, for 20 s at most"
    }
    told = str(given_up.value)
    assert "cannot be reached; given up after " in told
    assert told.endswith("see that it runs and that ES_HOST is right, then run the same command again")
