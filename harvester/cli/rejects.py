"""`harvester rejects`: documents that Elasticsearch refused."""

from __future__ import annotations

from collections.abc import Callable

import click

from harvester.cli import destination
from harvester.cli.load import told
from harvester.cli.surroundings import Surroundings, common_options, stdout_bytes


def _command(name: str) -> Callable[[Callable[..., int]], click.Command]:
    def decorated(function: Callable[..., int]) -> click.Command:
        return rejects.command(name)(destination.elasticsearch_options(common_options(function)))

    return decorated


@click.group()
def rejects() -> None:
    """Documents that Elasticsearch refused, kept with the reason until they are stored or dropped."""


@_command("list")
def list_(env_file: str | None, quiet: bool, es_host: str | None, index_period: str | None) -> int:
    """Ids, reasons, times."""
    around = Surroundings.find(env_file, quiet=quiet)
    with destination.rejects(destination.cluster(es_host, index_period, around), around) as kept:
        for row in kept.rows():
            times = f"{row.attempts} tries, " if row.attempts > 1 else ""
            click.echo(f"{row.document_id}\n    {row.reason}\n    {times}{row.last}, {row.size} bytes")
        if not len(kept):
            around.voice.say("no rejects")
    return 0


@_command("export")
def export(env_file: str | None, quiet: bool, es_host: str | None, index_period: str | None) -> int:
    """The documents as NDJSON on stdout: mend them and `harvester load` them."""
    around = Surroundings.find(env_file, quiet=quiet)
    with destination.rejects(destination.cluster(es_host, index_period, around), around) as kept:
        around.voice.say(f"{kept.export(stdout_bytes())} documents")
    return 0


@_command("replay")
def replay(env_file: str | None, quiet: bool, es_host: str | None, index_period: str | None) -> int:
    """Load them again: after a mapping was mended, say. What is stored now leaves the rejects."""
    around = Surroundings.find(env_file, quiet=quiet)
    around.obey_signals()
    with destination.index(es_host, index_period, around) as index:
        return told(index.loader.replay(), around)


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
    """Give up these, or without IDs all of them."""
    around = Surroundings.find(env_file, quiet=quiet)
    with destination.rejects(destination.cluster(es_host, index_period, around), around) as kept:
        if not document_ids and not yes and len(kept):
            click.confirm(f"Drop all {len(kept)} rejected documents?", abort=True, err=True)
        around.voice.say(f"{kept.drop(document_ids or None)} dropped")
    return 0
