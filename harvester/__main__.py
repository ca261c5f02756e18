"""`python -m harvester` and the command `harvester`."""

from __future__ import annotations


def main() -> None:
    from harvester.cli import run

    run()


if __name__ == "__main__":
    main()
