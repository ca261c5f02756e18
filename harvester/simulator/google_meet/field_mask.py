"""Google's `fields` parameter."""

from __future__ import annotations

from typing import Any

from harvester.simulator.google_meet.error_responses import bad

Mask = dict[str, "Mask"]


def mask(fields: str) -> Mask:
    """`a,b(c,d/e)` as the tree that it stands for; an empty tree is everything below."""
    tree, rest = _masked(fields.replace(" ", ""))
    if rest:
        raise bad(f"Invalid field selection {fields}")
    return tree


def _masked(text: str) -> tuple[Mask, str]:
    tree: Mask = {}
    while text and text[0] != ")":
        end = next((place for place, letter in enumerate(text) if letter in ",()"), len(text))
        names, text = text[:end].split("/"), text[end:]
        node = tree
        for name in names:
            if not name:
                raise bad("Invalid field selection")
            node = node.setdefault(name, {})
        if text.startswith("("):
            inner, text = _masked(text[1:])
            if not text.startswith(")"):
                raise bad("Invalid field selection")
            node.update(inner)
            text = text[1:]
        text = text.removeprefix(",")
    return tree, text


def selected(body: Any, tree: Mask) -> Any:
    """What the mask leaves of an answer."""
    if not tree or "*" in tree:
        return body
    if isinstance(body, list):
        return [selected(part, tree) for part in body]
    if isinstance(body, dict):
        return {name: selected(part, tree[name]) for name, part in body.items() if name in tree}
    return body
