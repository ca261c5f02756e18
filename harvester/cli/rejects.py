"""`harvester rejects`: documents that Elasticsearch refused."""

from __future__ import annotations

import logging
from contextlib import closing

import click

from connectors.exit_codes import ExitCode
from harvester.cli import SuggestingGroup
from harvester.cli.confirmation import confirm
from harvester.cli.from_settings import open_index
from harvester.cli.load import report_load
from harvester.cli.options import (
    AS_JSON,
    MAX_NEW_INDICES,
    YES_NEW_INDICES,
    apply,
    elasticsearch_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
)
from harvester.cli.rejects_of_all_machines import rejects_to_change, rejects_to_read
from harvester.cli.render.echo import echo_json, echo_lines, stdout_bytes
from harvester.cli.render.rejects import as_text, rejects_json
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.shared_state import STATE, StateKind
from harvester.formatting import plural

logger = logging.getLogger(__name__)


@click.group(
    cls=SuggestingGroup,
    epilog=examples(
        "harvester rejects list",
        "harvester rejects export > rejected.ndjson",
        "harvester rejects replay",
        "harvester rejects drop zoom:main:4444AAAiAAAAAiAiAiiAii==",
    ),
)
def rejects() -> None:
    """List, export, replay or drop documents that Elasticsearch refused.

    A rejected document is kept with the reason until it is stored or dropped. With --state index, the commands work
    with the rejects of all machines, and with those that `harvester load` has kept on this one.
    """


@rejects.command("list", epilog=examples("harvester rejects list", "harvester rejects list --json | jq ..."))
@apply([STATE, AS_JSON])
@elasticsearch_options
@general_options
@pass_env
def list_(env: RunEnvironment, state: StateKind | None, as_json: bool) -> int:
    """List the rejects: id, reason, source and time of each.

    A line without a usable document_id is listed by its digest (sha256:...). It cannot be matched to a document
    loaded later, so delete it with `harvester rejects drop ID` once it is fixed.
    """
    handle_signals(env)
    rows = (row for kept in rejects_to_read(env, state) for row in kept.rows())
    if as_json:
        echo_json(rejects_json(rows))
        return ExitCode.OK
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  # the last one is how many there are
        echo_lines(as_text(row))
    if not count:
        logger.info("no rejects")
    return ExitCode.OK


@rejects.command(
    epilog=examples("harvester rejects export > rejected.ndjson", "harvester load rejected.ndjson")
)
@apply([STATE])
@elasticsearch_options
@general_options
@pass_env
def export(env: RunEnvironment, state: StateKind | None) -> int:
    """Print the rejected documents as NDJSON.

    Correct them and load them with `harvester load`.
    """
    handle_signals(env)
    count = sum(kept.export(stdout_bytes()) for kept in rejects_to_read(env, state))
    logger.info(plural(count, "document"))
    return ExitCode.OK


@rejects.command(epilog=examples("harvester templates install", "harvester rejects replay"))
@YES_NEW_INDICES
@apply([STATE])
@elasticsearch_options
@general_options
@pass_env
def replay(env: RunEnvironment, state: StateKind | None, yes: bool) -> int:
    """Load the rejects again, for example after correcting a mapping.

    Documents that are stored now are removed from the rejects. Exits 65 if any is rejected again.
    """
    handle_signals(env)
    limit = None if yes else MAX_NEW_INDICES
    codes: list[int] = []
    with open_index(env) as index, closing(rejects_to_change(env, state)) as everywhere:
        for kept in everywhere:
            progress = index.with_rejects(kept).loader.replay(max_new_indices=limit)
            codes.append(report_load(progress, noun="reject", by_key=True))
    return ExitCode.worst(codes)


@rejects.command(epilog=examples("harvester rejects drop zoom:main:abc==", "harvester rejects drop --yes"))
@click.argument("document_ids", nargs=-1, metavar="[ID]...")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@apply([STATE])
@elasticsearch_options
@general_options
@pass_env
def drop(env: RunEnvironment, document_ids: tuple[str, ...], *, state: StateKind | None, yes: bool) -> int:
    """Delete the given rejects, or all of them.

    Exits 65 if an ID is unknown.
    """
    handle_signals(env)
    if not document_ids and not yes:
        count = sum(map(len, rejects_to_read(env, state)))
        if count:
            _confirm(count)
    dropped, unknown = 0, {*document_ids}
    with closing(rejects_to_change(env, state)) as everywhere:
        for kept in everywhere:
            unknown -= {document_id for document_id in unknown if kept.has(document_id)}
            dropped += kept.drop(document_ids or None)
    logger.info("%d dropped", dropped)
    for document_id in filter(unknown.__contains__, document_ids):
        logger.error("there is no reject %s: run `harvester rejects list` to see the ids", document_id)
    return ExitCode.DATAERR if unknown else ExitCode.OK


def _confirm(count: int) -> None:
    confirm(
        f"Drop {'the rejected document' if count == 1 else f'all {count:,} rejected documents'}?",
        refusal="refusing to delete all rejects without confirmation; pass --yes",
    )
