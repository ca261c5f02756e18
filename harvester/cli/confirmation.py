"""Asks before something is deleted that cannot be brought back."""

from __future__ import annotations

import sys

import click

from harvester.cli.render.echo import echo
from harvester.cli.standard_streams import stdin_is_terminal


def confirm(question: str, *, refusal: str) -> bool:
    """Whether the user agrees. Raises UsageError with `refusal` if standard input ends without an answer, as in cron, and
    click.Abort after Ctrl-C."""
    if sys.stdin is None:
        raise click.UsageError(refusal)
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        if stdin_is_terminal():
            raise
        echo("", err=True)
        raise click.UsageError(refusal) from None
