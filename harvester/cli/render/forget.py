"""What `harvester forget` found and did: a table, or JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import orjson

from harvester.cli.render.table import table_lines
from harvester.forgetting.runner import PlaceResult, Result
from harvester.formatting import plural


def forget_lines(result: Result) -> Sequence[str]:
    """No line names the person."""
    headers = ["place", "name", "sessions to remove", "documents with fields to remove"]
    if result.done:
        headers = ["place", "name", "sessions removed", "documents with fields removed", "left"]
    return table_lines(headers, [_row(each, done=result.done) for each in result.places])


def _row(each: PlaceResult, *, done: bool) -> Sequence[str]:
    counts = [each.found.removed, each.found.blanked]
    if done and each.left is not None:
        counts.append(each.left.total)
    return [each.place.kind, each.place.name, *map(str, counts)]


def question(result: Result) -> str:
    removed = sum(each.found.removed for each in result.places)
    blanked = sum(each.found.blanked for each in result.places)
    return (
        f"Remove {plural(removed, 'session')} and the fields about this person from {plural(blanked, 'document')}, and leave "
        "the person out of every later harvest?"
    )


def forget_json(result: Result, exit_code: int) -> str:
    kinds = Counter(each.kind for each in result.person.identifiers)
    document = {
        "identifiers": dict(sorted(kinds.items())),
        "action": result.person.action,
        "done": result.done,
        "places": [
            {
                "place": each.place.kind,
                "name": each.place.name,
                "removed": each.found.removed,
                "blanked": each.found.blanked,
                "unreadable": each.found.unreadable,
                "left": each.left.total if each.left is not None else None,
            }
            for each in result.places
        ],
        "exit_code": exit_code,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
