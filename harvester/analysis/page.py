"""The report as one HTML file: no request, no style and no script but its own, which the file itself names by hash."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from harvester.analysis.cells import span
from harvester.analysis.chart_blocks import vendor_legend
from harvester.analysis.headline import figures, sentences
from harvester.analysis.report_data import ReportData
from harvester.analysis.safe_text import clean
from harvester.analysis.sections import sections
from harvester.formatting import plural
from harvester.optional_libraries import require

DEFAULT_TITLE = "Meetings"


def render(data: ReportData, *, title: str | None, script: bool) -> str:
    """The page. Everything but the charts is escaped by the template."""
    jinja2 = require("jinja2")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, code = _asset("page.css"), _asset("page.js") if script else ""
    return str(
        environment.from_string(_asset("page.html.j2")).render(
            title=clean(title) if title else DEFAULT_TITLE,
            period=_period(data),
            legend=vendor_legend(data.vendors),
            shows_people=data.shows_people,
            figures=figures(data),
            sentences=sentences(data),
            sections=sections(data),
            is_empty=data.period is None,
            style=require("markupsafe").Markup(style),  # the package's own files
            script=require("markupsafe").Markup(code),
            policy=policy(style, code),
        )
    )


def policy(style: str, code: str) -> str:
    """The content security policy: nothing but this style and this script."""
    scripts = f"script-src {_hash(code)}; " if code else ""
    return f"default-src 'none'; style-src {_hash(style)}; {scripts}base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return files("harvester.analysis").joinpath(name).read_text(encoding="utf-8")


def _period(data: ReportData) -> str:
    period = data.period
    if period is None:
        return ""
    return f"{span(period.first, period.last)} ({plural(period.days, 'day')}, {data.selection.zone.key})"
