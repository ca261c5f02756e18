"""Tables: as wide as the terminal; as wide as their content in a pipe, so that nothing is cut off or wrapped there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harvester.cli.standard_streams import stdout_is_terminal
from harvester.printable import printable

PIPE_WIDTH = 100_000


def table_lines(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if stdout_is_terminal() else PIPE_WIDTH, color_system=None, highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for header in headers:
        table.add_column(Text(header), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]
