"""`harvester check`: what is configured, what works, and what to do about the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import click

import connectors
from connectors.base import CheckResult
from connectors.errors import HarvestError, worst_exit
from harvester.cli.environment import RunEnvironment, common_options
from harvester.console import collect_messages
from harvester.formatting import plural, without_prefix
from harvester.pipeline import context, destination
from harvester.pipeline.account import PUT_IT, connected, missing_settings
from harvester.pipeline.request import HarvestRequest

MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


@click.command()
@click.argument("vendors", nargs=-1)
@destination.elasticsearch_options
@common_options
def check(
    env_file: str | None, quiet: bool, vendors: tuple[str, ...], es_host: str | None, index_period: str | None
) -> int:
    """Look at the settings, ask each vendor and Elasticsearch once, and say what to do about what does not work.

    Without VENDORS: every one that is configured. The answer goes to stdout, a line for each thing that was looked at,
    the verdict at the end.
    """
    env = RunEnvironment.find(env_file, quiet=quiet)
    env.obey_signals()
    unknown = [name for name in vendors if name not in connectors.table()]
    if unknown:
        raise click.UsageError(f"{unknown[0]} is not one of {', '.join(sorted(connectors.table()))}")
    answer = Answer(env=env, quiet=quiet)
    for name in vendors or sorted(connectors.table()):
        for result in _vendor(name, env, named=bool(vendors)):
            answer.say(result, name)
    if not vendors and all(missing_settings(name, env) for name in connectors.table()):
        answer.say(
            CheckResult(
                subject="settings",
                status="failed",
                message="no vendor is configured",
                remedy=env.environment.retired() or f"{PUT_IT}; see example.env for what to set",
                exit_code=78,
            )
        )
    for result in destination.checked(es_host, index_period, env):
        answer.say(result)
    answer.verdict()
    return worst_exit(answer.codes)


@dataclass
class Answer:
    """What is said on stdout. Quiet, only what has failed."""

    env: RunEnvironment
    quiet: bool
    codes: list[int] = field(default_factory=list)
    warnings: int = 0
    _said: set[str] = field(default_factory=set)

    def say(self, result: CheckResult, name: str = "") -> None:
        """`name`: of the vendor, where it is one's."""
        if result.status == "failed":
            self.codes.append(result.exit_code)
        elif self.quiet:
            return
        self.warnings += result.status == "warning"
        subject = f"{name} {result.subject}" if name and result.subject != name else result.subject
        self._print(f"{MARKS[result.status]} {subject}: {without_prefix(result.message, name)}")
        if result.remedy and not self._is_said(result):
            self._said.add(result.remedy)
            self._print(f"        {result.remedy}")

    def _is_said(self, result: CheckResult) -> bool:
        """One cause may show in many places; and what sends people to a page that the finding names says it again."""
        pages = re.findall(r"https?://\S+", result.remedy)
        return result.remedy in self._said or any(page in result.message for page in pages)

    def verdict(self) -> None:
        warned = f", {plural(self.warnings, 'warning')}" if self.warnings else ""
        if self.codes:
            self._print(f"does not work yet: {len(self.codes)} failed{warned}")
        elif not self.quiet:
            self._print(f"works{warned}")

    def _print(self, line: str) -> None:
        click.echo(self.env.redactor(line))


def _vendor(name: str, env: RunEnvironment, *, named: bool) -> Iterator[CheckResult]:
    missing, retired = missing_settings(name, env), env.environment.retired()
    if missing and not named:
        yield CheckResult(
            subject=name,
            status="failed" if retired else "warning",
            message=f"not configured: {', '.join(missing)} not set",
            remedy=retired or "",
            exit_code=78,
        )
        return
    told: list[str] = []
    try:
        # Much of what a connector notifies of is among the results of its check as well.
        with collect_messages(context.logger) as notices, connected(name, env, HarvestRequest()) as vendor:
            for result in vendor.connector.check():
                told.append(without_prefix(result.message, name))
                yield result
    except HarvestError as error:
        told.append(without_prefix(str(error), name))
        yield CheckResult(subject=name, status="failed", message=str(error), exit_code=error.exit_code)
    for text in notices:
        if without_prefix(text, name) not in told:
            yield CheckResult(subject=name, status="warning", message=without_prefix(text, name))
