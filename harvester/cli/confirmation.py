"""Asks before something is deleted that cannot be brought back."""

from __future__ import annotations

import logging
import sys

import click

from harvester.cli.render.echo import echo
from harvester.cli.standard_streams import stdin_is_terminal

logger = logging.getLogger(__name__)


def confirm(question: str, *, refusal: str) -> None:
    """Return if the user agrees. Raises click.Abort if not, or after Ctrl-C, and UsageError with `refusal` if standard
    input ends without an answer, as in cron."""
    if sys.stdin is None:
        raise click.UsageError(refusal)
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        if stdin_is_terminal():
            raise
        echo("", err=True)
        raise click.UsageError(refusal) from None
    if not agreed:
        logger.info("nothing changed")
        raise click.Abort
