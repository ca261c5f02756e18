"""Google's `fields` parameter."""

from __future__ import annotations

from typing import Any

from harvester.simulator.google_meet.error_responses import bad_request

Mask = dict[str, "Mask"]


def parse_mask(fields: str) -> Mask:
    """Parse `a,b(c,d/e)` into a tree; an empty tree selects everything below."""
    tree, rest = _parse(fields.replace(" ", ""))
    if rest:
        raise bad_request(f"Invalid field selection {fields}")
    return tree


def _parse(text: str) -> tuple[Mask, str]:
    tree: Mask = {}
    while text and text[0] != ")":
        end = next((position for position, letter in enumerate(text) if letter in ",()"), len(text))
        names, text = text[:end].split("/"), text[end:]
        node = tree
        for name in names:
            if not name:
                raise bad_request("Invalid field selection")
            node = node.setdefault(name, {})
        if text.startswith("("):
            inner, text = _parse(text[1:])
            if not text.startswith(")"):
                raise bad_request("Invalid field selection")
            node.update(inner)
            text = text[1:]
        text = text.removeprefix(",")
    return tree, text


def apply_mask(body: Any, tree: Mask) -> Any:
    """Return the selected parts of an answer."""
    if not tree or "*" in tree:
        return body
    if isinstance(body, list):
        return [apply_mask(part, tree) for part in body]
    if isinstance(body, dict):
        return {name: apply_mask(part, tree[name]) for name, part in body.items() if name in tree}
    return body
