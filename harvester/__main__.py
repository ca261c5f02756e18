"""`python -m harvester` and the command `harvester`."""

from __future__ import annotations

from harvester.signals_during_import import leave_at_once_on_signals


def main() -> None:
    leave_at_once_on_signals()
    from harvester.cli import run

    run()


if __name__ == "__main__":
    main()
