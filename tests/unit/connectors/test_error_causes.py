"""Everything inside an error is found, however a library wraps it, and once."""

from __future__ import annotations

from connectors.error_causes import causes


def test_every_way_to_wrap_an_error_is_followed() -> None:
    inner = [OSError(number) for number in range(5)]
    error = RuntimeError("outer", inner[0])
    error.__cause__, error.__context__ = inner[1], inner[2]
    error.reason, error.errors = inner[3], (inner[4],)  # type: ignore[attr-defined]  # as urllib3 and elastic_transport have
    assert set(map(id, causes(error))) == {id(error), *map(id, inner)}


def test_errors_that_hold_each_other_are_found_once() -> None:
    one, two = ValueError(), KeyError()
    one.__context__, two.__context__ = two, one
    assert len(list(causes(one))) == 2
