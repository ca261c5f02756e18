"""`harvester templates`: install, show, diff."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from connectors.errors import CredentialsError
from connectors.exit_codes import ExitCode
from connectors.retry import RetryPolicy
from harvester.cli import SuggestingGroup
from harvester.cli.from_settings import elastic_config
from harvester.cli.options import elasticsearch_options, examples, general_options, pass_env
from harvester.cli.render.echo import echo, echo_json
from harvester.cli.render.templates import INDEX_REMEDY, TEMPLATE_REMEDY, difference_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.pipeline.destination import retry_policy

if TYPE_CHECKING:
    from harvester.sinks.elastic.client import Client

logger = logging.getLogger(__name__)


@click.group(cls=SuggestingGroup, epilog=examples("harvester templates install", "harvester templates diff"))
def templates() -> None:
    """Install, show or compare the index templates."""


@contextmanager
def _client(env: RunEnvironment) -> Iterator[Client]:
    from harvester.sinks.elastic.client import Client

    with closing(Client(elastic_config(env), env.machine.monotonic)) as client:
        client.ping(retry_policy(env.stop, env.machine))
        yield client


@templates.command(epilog=examples("harvester templates install"))
@elasticsearch_options
@general_options
@pass_env
def install(env: RunEnvironment) -> int:
    """Install the templates, or update them, and add the fields that existing indices lack.

    A field that exists is never changed.
    """
    from harvester.sinks.elastic import templates as shipped

    with _client(env) as client:
        retry = retry_policy(env.stop, env.machine)
        for name in shipped.install(client, retry):
            logger.info("installed %s", name)
        _add_missing_fields(client, retry)
    return ExitCode.OK


def _add_missing_fields(client: Client, retry: RetryPolicy) -> None:
    """The templates are installed by now, so what cannot be added is a warning."""
    from harvester.sinks.elastic.missing_fields import add_missing_fields

    try:
        found = list(add_missing_fields(client, retry))
    except CredentialsError as refused:
        logger.warning(f"existing indices may lack new fields: {refused}")
        return
    for each in found:
        fields = ", ".join(each.fields)
        if each.refusal:
            logger.warning(f"{each.index} lacks {fields}; not added: {each.refusal}")
        else:
            logger.info(f"added to {each.index}: {fields}")
    if any(not each.refusal for each in found):
        logger.info(
            "new documents are found by the added fields; those that are stored already, once they are harvested again "
            "with --force"
        )


@templates.command(epilog=examples("harvester templates show > templates.json"))
@elasticsearch_options
@general_options
@pass_env
def show(env: RunEnvironment) -> int:
    """Print the templates that would be installed, as JSON."""
    from harvester.sinks.elastic import templates as shipped

    if not env.environment.get("ES_HOST"):
        env.environment = env.environment.override("ES_HOST", "http://localhost:9200")
    bodies = {template.path: template.body for template in shipped.shipped(elastic_config(env))}
    echo_json(json.dumps(bodies, indent=2, ensure_ascii=False))
    return ExitCode.OK


@templates.command(epilog=examples("harvester templates diff"))
@elasticsearch_options
@general_options
@pass_env
def diff(env: RunEnvironment) -> int:
    """Compare the templates and mappings in the cluster with the shipped ones.

    Exits 65 if there is a difference.
    """
    from harvester.sinks.elastic import mapping_diff
    from harvester.sinks.elastic import templates as shipped

    with _client(env) as client:
        installed = list(shipped.diff_templates(client, retry_policy(env.stop, env.machine)))
        live = list(mapping_diff.diff_mappings(client, retry_policy(env.stop, env.machine)))
    for line in [*difference_lines(installed, TEMPLATE_REMEDY), *difference_lines(live, INDEX_REMEDY)]:
        echo(line)
    if installed or live:
        return ExitCode.DATAERR
    logger.info("no difference")
    return ExitCode.OK
