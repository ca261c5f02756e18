"""Charts as SVG that may stand in a page: drawn by Vega-Lite without a network, then rebuilt from what is allowed.

Nothing of the drawing is copied: each element and attribute is written again if it is in the lists below, and left out
otherwise. There is no style, no link, no script, no id and no event handler among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from connectors.errors import ConfigurationError
from harvester.optional_libraries import require

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_TAGS = frozenset({"g", "path", "rect", "line", "text", "tspan", "circle"})
_NUMBERS = r"[-+0-9.,eE ]*"
_COLOUR = r"none|transparent|#[0-9a-fA-F]{3,8}|var\(--[a-z0-9-]+\)"
_ATTRIBUTES: Mapping[str, re.Pattern[str]] = {
    **{
        name: re.compile(_NUMBERS)
        for name in (
            *(
                "x",
                "y",
                "x1",
                "x2",
                "y1",
                "y2",
                "dx",
                "dy",
                "r",
                "cx",
                "cy",
                "rx",
                "ry",
                "width",
                "height",
                "opacity",
            ),
            *("stroke-width", "stroke-opacity", "fill-opacity", "stroke-dasharray", "stroke-miterlimit"),
        )
    },
    **{name: re.compile(_COLOUR) for name in ("fill", "stroke")},
    "d": re.compile(r"[-+0-9.,eE MmLlHhVvCcSsQqTtAaZz]*"),
    "transform": re.compile(r"(?:(?:translate|rotate|scale)\([-+0-9.,eE ]*\) ?)*"),
    "text-anchor": re.compile(r"start|middle|end"),
    "font-size": re.compile(r"[0-9.]+px"),
    "font-weight": re.compile(r"bold|normal|[1-9]00"),
    "stroke-linecap": re.compile(r"round|butt|square"),
}
ADDRESS_SPACE = 72 * 10**9
"""64 GiB for V8 as it comes with vl-convert 1.9, and the rest of the process."""
_INVISIBLE = frozenset({"background", "foreground"})


def draw(spec: Mapping[str, Any], label: str) -> str:
    """The chart of a Vega-Lite specification. `label`: what a screen reader says of it; the figures are in a table."""
    require_address_space()
    vega = require("vl_convert")
    return rebuilt(vega.vegalite_to_svg({**spec, "background": None}, allowed_base_urls=[]), label)


@cache
def require_address_space() -> None:
    """Raises ConfigurationError if the library would end the process: its JavaScript engine reserves all of it at once."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE:
        raise ConfigurationError(
            f"the charts need {ADDRESS_SPACE // 10**9} GB of address space, which is not memory, and this process may have "
            "less: raise its limit (ulimit -v unlimited)"
        )


def rebuilt(drawing: str, label: str) -> str:
    root = ElementTree.fromstring(drawing)  # noqa: S314  # the library's own output, without entities
    if root.tag != f"{_NAMESPACE}svg":
        raise ValueError("not a drawing")
    box = root.get("viewBox", "")
    if not re.fullmatch(r"[-0-9.]+( [-0-9.]+){3}", box):
        raise ValueError("not a drawing")
    width = box.split(" ")[2]
    inner = "".join(map(_element, root))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox={quoteattr(box)} width={quoteattr(width)} role="img" '
        f"aria-label={quoteattr(label)}>{inner}</svg>"
    )


def _element(element: ElementTree.Element) -> str:
    tag = element.tag.removeprefix(_NAMESPACE)
    if tag not in _TAGS or element.get("class") in _INVISIBLE or element.get("display") == "none":
        return ""
    attributes = "".join(
        f" {name}={quoteattr(value)}"
        for name, value in element.attrib.items()
        if name in _ATTRIBUTES and _ATTRIBUTES[name].fullmatch(value) and not _is_default(name, value)
    )
    title = element.get("aria-label", "") if element.get("role") == "graphics-symbol" and tag != "g" else ""
    inner = (f"<title>{escape(title)}</title>" if title else "") + escape(element.text or "")
    inner += "".join(map(_element, element))
    if tag == "g" and not inner:
        return ""
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"


def _is_default(name: str, value: str) -> bool:
    return (name, value) in {("opacity", "1"), ("stroke-miterlimit", "10"), ("transform", "translate(0,0)")}
