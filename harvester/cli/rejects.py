"""`harvester rejects`: documents that Elasticsearch refused."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click
import orjson

from harvester.cli.environment import RunEnvironment, common_options, stdout_bytes
from harvester.cli.load import told
from harvester.pipeline import destination
from harvester.state.rejects import Kept, Rejects

logger = logging.getLogger(__name__)


def _command(name: str) -> Callable[[Callable[..., int]], click.Command]:
    def decorated(function: Callable[..., int]) -> click.Command:
        return rejects.command(name)(destination.elasticsearch_options(common_options(function)))

    return decorated


@click.group()
def rejects() -> None:
    """Documents that Elasticsearch refused, kept with the reason until they are stored or dropped."""


@rejects.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@destination.elasticsearch_options
@common_options
def list_(
    env_file: str | None, quiet: bool, as_json: bool, es_host: str | None, index_period: str | None
) -> int:
    """Ids, reasons, where they came from, times.

    A line without a usable document_id is listed by its digest (sha256:…). Mended and loaded, it is a document that
    nobody knows to be the same: give up the line with `harvester rejects drop ID`.
    """
    env = RunEnvironment.find(env_file, quiet=quiet)
    with destination.rejects(destination.cluster(es_host, index_period, env), env) as kept:
        if as_json:
            listed = {"rejects": [_fields(row) for row in kept.rows()]}
            click.echo(orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode())
            return 0
        for row in kept.rows():
            click.echo("\n    ".join(_lines(row)))
        if not len(kept):
            logger.info("no rejects")
    return 0


def _fields(row: Kept) -> dict[str, Any]:
    """`has_document_id`: without one it stays until it is dropped, mended or not."""
    return {**asdict(row), "origin": row.origin or None, "has_document_id": not row.is_line}


def _lines(row: Kept) -> list[str]:
    came = f"{row.origin}, " if row.origin else ""
    times = f"{row.attempts} tries, " if row.attempts > 1 else ""
    lines = [row.document_id, row.reason, f"{came}{times}{row.last}, {row.size} bytes"]
    if row.is_line:
        lines.append("no usable document_id: once it is mended and loaded, `harvester rejects drop` this")
    return lines


@_command("export")
def export(env_file: str | None, quiet: bool, es_host: str | None, index_period: str | None) -> int:
    """The documents as NDJSON on stdout: mend them and `harvester load` them."""
    env = RunEnvironment.find(env_file, quiet=quiet)
    with destination.rejects(destination.cluster(es_host, index_period, env), env) as kept:
        logger.info(f"{kept.export(stdout_bytes())} documents")
    return 0


@_command("replay")
def replay(env_file: str | None, quiet: bool, es_host: str | None, index_period: str | None) -> int:
    """Load them again: after a mapping was mended, say. What is stored now leaves the rejects."""
    env = RunEnvironment.find(env_file, quiet=quiet)
    env.obey_signals()
    with destination.index(es_host, index_period, env) as index:
        return told(index.loader.replay(), noun="rejects", named=lambda refused: refused.key)


@rejects.command("drop")
@click.argument("document_ids", nargs=-1, metavar="[ID]...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@destination.elasticsearch_options
@common_options
def drop(
    env_file: str | None,
    quiet: bool,
    document_ids: tuple[str, ...],
    yes: bool,
    es_host: str | None,
    index_period: str | None,
) -> int:
    """Give up these, or without IDs all of them. The exit code is 65 where an ID is none of theirs."""
    env = RunEnvironment.find(env_file, quiet=quiet)
    with destination.rejects(destination.cluster(es_host, index_period, env), env) as kept:
        if document_ids:
            return _drop_these(kept, document_ids)
        if not yes and len(kept) and not _confirmed(len(kept)):
            logger.info("nothing dropped")
            return 0
        logger.info(f"{kept.drop()} dropped")
    return 0


def _drop_these(kept: Rejects, document_ids: tuple[str, ...]) -> int:
    unknown = [document_id for document_id in document_ids if not kept.has(document_id)]
    logger.info(f"{kept.drop(document_ids)} dropped")
    for document_id in unknown:
        logger.error(f"there is no reject {document_id}: `harvester rejects list` has their ids")
    return 65 if unknown else 0


def _confirmed(count: int) -> bool:
    try:
        return click.confirm(f"Drop all {count} rejected documents?", err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise click.UsageError("nobody is there to be asked: to drop all of them, use --yes") from None
