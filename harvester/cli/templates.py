"""`harvester templates`: install, show, diff."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from harvester.cli.environment import RunEnvironment, common_options
from harvester.pipeline import destination

if TYPE_CHECKING:
    from harvester.sinks.elastic.templates import Difference

logger = logging.getLogger(__name__)

LIVE = (
    "an index keeps its mappings: a field that is not there can be added (PUT INDEX/_mapping, as `harvester templates "
    "show` has it); one that is otherwise needs a new index: export it, delete it, and load it again"
)


@click.group()
def templates() -> None:
    """The index templates that are shipped, and those of the cluster."""


def _command(name: str) -> Callable[[Callable[..., int]], click.Command]:
    def decorated(function: Callable[..., int]) -> click.Command:
        return templates.command(name)(destination.elasticsearch_options(common_options(function)))

    return decorated


@contextmanager
def _client(es_host: str | None, period: str | None, env: RunEnvironment) -> Iterator[Any]:
    from harvester.sinks.elastic.client import Client

    with closing(Client(destination.cluster(es_host, period, env))) as client:
        client.ping(destination.patience(env))
        yield client


@_command("install")
def install(env_file: str | None, quiet: bool, es_host: str | None, index_period: str | None) -> int:
    """Put them in place, or bring them up to date. Indices that are there already keep their mappings."""
    from harvester.sinks.elastic import templates as shipped

    env = RunEnvironment.find(env_file, quiet=quiet)
    with _client(es_host, index_period, env) as client:
        for name in shipped.install(client, destination.patience(env)):
            logger.info(f"installed {name}")
    return 0


@_command("show")
def show(env_file: str | None, quiet: bool, es_host: str | None, index_period: str | None) -> int:
    """What would be installed, as JSON on stdout."""
    from harvester.sinks.elastic import templates as shipped

    env = RunEnvironment.find(env_file, quiet=quiet)
    named = destination.cluster(es_host or "http://localhost:9200", index_period, env)
    told = {template.path: template.body for template in shipped.shipped(named)}
    click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    return 0


@_command("diff")
def diff(env_file: str | None, quiet: bool, es_host: str | None, index_period: str | None) -> int:
    """Where the cluster's templates, and the mappings of the indices that are there, are not as shipped.

    The exit code is 65 where there is a difference.
    """
    from harvester.sinks.elastic import mapping_diff
    from harvester.sinks.elastic import templates as shipped

    env = RunEnvironment.find(env_file, quiet=quiet)
    with _client(es_host, index_period, env) as client:
        installed = list(shipped.diff_templates(client, destination.patience(env)))
        _tell(
            installed,
            "to put ours in place: `harvester templates install`; it changes no index that is there",
        )
        live = list(mapping_diff.diff_mappings(client, destination.patience(env)))
        _tell(live, LIVE)
    if not installed and not live:
        logger.info("no difference")
        return 0
    return 65


def _tell(differences: Sequence[Difference], remedy: str) -> None:
    for difference in differences:
        click.echo(difference.line())
    if differences:
        click.echo(remedy)
