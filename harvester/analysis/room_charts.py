"""The charts of the rooms: shares of time, as bars and as colours."""

from __future__ import annotations

from collections.abc import Sequence

from harvester.analysis import safe_svg
from harvester.analysis.charts import (
    FIGURE_AT_END,
    HALF,
    HOURS,
    WIDTH,
    Spec,
    base_chart,
    heat_step,
    name_axis,
    quantity,
    raw,
)
from harvester.analysis.figures.table import Table


def share_bars(labels: Sequence[str], shares: Sequence[float | None], title: str) -> str:
    """A horizontal bar for each share, with the percentage at its end."""
    rows = [
        {"key": f"{place:03d}", "value": share or 0, "text": "–" if share is None else f"{share * 100:.0f} %"}
        for place, share in enumerate(shares)
    ]
    names = {f"{place:03d}": label for place, label in enumerate(labels)}
    spec = base_chart(
        rows,
        HALF - 90,
        22 * len(rows),
        encoding={
            "y": name_axis(names),
            "x": {**quantity("value"), "axis": None, "scale": {"domain": [0, 1]}},
        },
        layer=[
            {"mark": {"type": "bar", "height": 13, "aria": False, "color": "var(--bar)"}},
            FIGURE_AT_END,
        ],
    )
    return safe_svg.draw(spec, title)


def share_heat(table: Table, labels: Sequence[str], title: str) -> str:
    """A field for each row and hour, with the percentage in it.

    The table's columns are the row's name, the hour and the share; its rows are in the order of `labels`, 24 or fewer of each
    name. Two rows may have the same label.
    """
    most = max((share for _, _, share in table.rows), default=0) or 1
    names = {f"{place:03d}": label for place, label in enumerate(labels)}
    keys = dict(zip(dict.fromkeys(row[0] for row in table.rows), names, strict=True))
    values: list[Spec] = []
    for name, hour, share in table.rows:
        step = heat_step(share * 100, most * 100)
        values.append(
            {
                "key": keys[name],
                "hour": hour,
                "text": f"{share * 100:.0f}" if share >= 0.005 else "",
                "say": f"{names[keys[name]]} {hour:02d}:00: {share * 100:.0f} %",
                "colour": f"var(--heat-{step})",
                "ink": f"var(--heat-ink-{step})",
            }
        )
    axis = name_axis(names)
    spec = base_chart(
        values,
        WIDTH - 90,
        26 * len(names),
        encoding={"x": HOURS, "y": {**axis, "scale": {**axis["scale"], "padding": 0.06}}},
        layer=[
            {
                "mark": {"type": "rect"},
                "encoding": {"color": raw("colour"), "description": {"field": "say"}},
            },
            {
                "mark": {"type": "text", "fontSize": 11, "aria": False},
                "encoding": {"text": {"field": "text"}, "color": raw("ink")},
            },
        ],
    )
    return safe_svg.draw(spec, title)
