"""`harvester rejects`: documents that Elasticsearch refused."""

from __future__ import annotations

import logging

import click

from connectors.exit_codes import ExitCode
from harvester.cli import SuggestingGroup
from harvester.cli.confirmation import confirm
from harvester.cli.from_settings import open_index, open_rejects
from harvester.cli.load import report_load
from harvester.cli.options import (
    AS_JSON,
    MAX_NEW_INDICES,
    YES_NEW_INDICES,
    elasticsearch_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
)
from harvester.cli.render.echo import echo_json, echo_lines, stdout_bytes
from harvester.cli.render.rejects import as_json as rejects_json
from harvester.cli.render.rejects import as_text
from harvester.cli.run_environment import RunEnvironment
from harvester.state.rejects import Rejects

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

    A rejected document is kept with the reason until it is stored or dropped.
    """


@rejects.command("list", epilog=examples("harvester rejects list", "harvester rejects list --json | jq ..."))
@AS_JSON
@elasticsearch_options
@general_options
@pass_env
def list_(env: RunEnvironment, as_json: bool) -> int:
    """List the rejects: id, reason, source and time of each.

    A line without a usable document_id is listed by its digest (sha256:...). It cannot be matched to a document
    loaded later, so delete it with `harvester rejects drop ID` once it is fixed.
    """
    with open_rejects(env) as kept:
        if as_json:
            echo_json(rejects_json(kept.rows()))
            return ExitCode.OK
        for row in kept.rows():
            echo_lines(as_text(row))
        if not len(kept):
            logger.info("no rejects")
    return ExitCode.OK


@rejects.command(
    epilog=examples("harvester rejects export > rejected.ndjson", "harvester load rejected.ndjson")
)
@elasticsearch_options
@general_options
@pass_env
def export(env: RunEnvironment) -> int:
    """Print the rejected documents as NDJSON.

    Correct them and load them with `harvester load`.
    """
    with open_rejects(env) as kept:
        logger.info("%d documents", kept.export(stdout_bytes()))
    return ExitCode.OK


@rejects.command(epilog=examples("harvester templates install", "harvester rejects replay"))
@YES_NEW_INDICES
@elasticsearch_options
@general_options
@pass_env
def replay(env: RunEnvironment, yes: bool) -> int:
    """Load the rejects again, for example after correcting a mapping.

    Documents that are stored now are removed from the rejects. Exits 65 if any is rejected again.
    """
    handle_signals(env)
    with open_index(env) as index:
        limit = None if yes else MAX_NEW_INDICES
        return report_load(index.loader.replay(max_new_indices=limit), noun="rejects", by_key=True)


@rejects.command(epilog=examples("harvester rejects drop zoom:main:abc==", "harvester rejects drop --yes"))
@click.argument("document_ids", nargs=-1, metavar="[ID]...")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@elasticsearch_options
@general_options
@pass_env
def drop(env: RunEnvironment, document_ids: tuple[str, ...], yes: bool) -> int:
    """Delete the given rejects, or all of them.

    Exits 65 if an ID is unknown.
    """
    with open_rejects(env) as kept:
        if document_ids:
            return _drop_these(kept, document_ids)
        if not yes and len(kept):
            _confirm(len(kept))
        logger.info("%d dropped", kept.drop())
    return ExitCode.OK


def _drop_these(kept: Rejects, document_ids: tuple[str, ...]) -> int:
    unknown = [document_id for document_id in document_ids if not kept.has(document_id)]
    logger.info("%d dropped", kept.drop(document_ids))
    for document_id in unknown:
        logger.error("there is no reject %s: run `harvester rejects list` to see the ids", document_id)
    return ExitCode.DATAERR if unknown else ExitCode.OK


def _confirm(count: int) -> None:
    confirm(
        f"Drop all {count} rejected documents?",
        refusal="refusing to delete all rejects without confirmation; pass --yes",
    )
