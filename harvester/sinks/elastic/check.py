"""Checks the connection, privileges, templates and indices for `harvester check`. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from connectors.base import CheckResult
from connectors.errors import CredentialsError, HarvestError
from connectors.exit_codes import ExitCode
from connectors.retry import RetryPolicy
from harvester.formatting import plural
from harvester.sinks.elastic import templates
from harvester.sinks.elastic.answer_parsing import member
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.mapping_diff import diff_mappings

_LACKING = {
    "create_index": "without it an administrator has to create every index",
    "write": "without it nothing can be loaded",
    "read": "without it stale documents stay behind when a meeting is read again",
    "maintenance": "without it stale documents stay behind when a meeting is read again",
    "view_index_metadata": "without it a run does not notice that an index was deleted, and takes its meetings for stored",
}
_REQUIRED = frozenset({"create_index", "write"})
_CLOSED = "*.settings.index.verified_before_close"
"""A setting that Elasticsearch itself gives to closed indices, and takes away when they are opened."""
_TEMPLATE_PRIVILEGE = "manage_index_templates"
SHOWN = 3
"""At most this many indices or fields are named; `templates diff` names all."""


def check(client: Client, retry: RetryPolicy) -> Iterator[CheckResult]:
    """Checks everything; stops after the first result if Elasticsearch cannot be used at all."""
    url = client.config.url
    try:
        client.ping(retry)
        version = _version(client, retry)
    except HarvestError as error:
        yield _failure("Elasticsearch", error)
        return
    yield CheckResult(subject="Elasticsearch", status="ok", message=f"{url} answers, {version}")
    yield from _privileges(client, retry)
    yield _templates(client, retry)
    yield from _indices(client, retry)
    yield from _mappings(client, retry)


def _version(client: Client, retry: RetryPolicy) -> str:
    # The first needs the privilege monitor; the second is open to a few more accounts.
    for path in ("/", "/_nodes/_local?filter_path=nodes.*.version"):
        response = client.request(retry, "GET", path)
        if response.ok and member(response.body, "version", "build_flavor") == "serverless":
            raise client.serverless()
        if response.ok and (found := _version_number(response.body)):
            return f"version {found}"
        if response.status not in {403, 405}:
            raise client.unexpected(response, "asked for its version")
    return "version unknown (the account may not ask)"


def _version_number(body: Any) -> str | None:
    if not isinstance(body, dict):
        return None
    nodes = [member(node, "version") for node in (member(body, "nodes") or {}).values()]
    number = member(body, "version", "number") or (nodes[0] if nodes else None)
    return str(number) if number else None


def _failure(subject: str, error: HarvestError) -> CheckResult:
    return CheckResult(subject=subject, status="failed", message=str(error), exit_code=error.exit_code)


def _is_security_off(response: Response) -> bool:
    """Without security there is no such API: nodes of 8.x and 9.x answer 400 `no handler found for uri […]`."""
    error = member(response.body, "error")
    return response.status == 400 and isinstance(error, str) and error.startswith("no handler found")


def _privileges(client: Client, retry: RetryPolicy) -> Iterator[CheckResult]:
    pattern = f"{client.config.prefix}*"
    body = {
        "cluster": [_TEMPLATE_PRIVILEGE],
        "index": [{"names": [pattern], "privileges": sorted(_LACKING)}],
    }
    response = client.request(retry, "POST", "/_security/user/_has_privileges", body=body)
    if _is_security_off(response):
        found = "security is switched off: everyone who can reach the cluster may do everything"
        yield CheckResult(subject="Elasticsearch privileges", status="ok", message=found)
        return
    held = member(response.body, "index", pattern)
    may_install = member(response.body, "cluster", _TEMPLATE_PRIVILEGE)
    if (
        not response.ok
        or may_install is None
        or not isinstance(held, dict)
        or not held.keys() >= _LACKING.keys()
    ):
        yield _failure(
            "Elasticsearch privileges", client.unexpected(response, "asked for the account's privileges")
        )
        return
    for right, lack in _LACKING.items():
        needed = right in _REQUIRED
        yield CheckResult(
            subject=f"Elasticsearch privilege {right}",
            status="ok" if held[right] else "failed" if needed else "warning",
            message=f"held on {pattern}" if held[right] else f"missing on {pattern}: {lack}",
            remedy="" if held[right] else f"give the account's role {right} on {pattern}",
        )
    if not may_install:
        yield CheckResult(
            subject=f"Elasticsearch privilege {_TEMPLATE_PRIVILEGE}",
            status="warning",
            message="missing: an administrator has to install the templates",
            remedy="ask an administrator to run `harvester templates install` once",
        )


def _templates(client: Client, retry: RetryPolicy) -> CheckResult:
    subject = "Elasticsearch templates"
    try:
        differences = list(templates.diff_templates(client, retry))
    except CredentialsError:
        return CheckResult(
            subject=subject,
            status="warning",
            message="unknown: the account may not manage index templates",
        )
    except HarvestError as error:
        return _failure(subject, error)
    if not differences:
        return CheckResult(subject=subject, status="ok", message="installed, as shipped")
    missing = [difference.template for difference in differences if not difference.field]
    found = (
        f"missing: {', '.join(missing)}"
        if missing
        else f"{plural(len(differences), 'difference')} from those shipped"
    )
    return CheckResult(
        subject=subject,
        status="warning",
        message=found,
        remedy="`harvester templates diff` shows them, `harvester templates install` installs the shipped ones",
        exit_code=ExitCode.CONFIG,
    )


def _indices(client: Client, retry: RetryPolicy) -> Iterator[CheckResult]:
    """Whether the indices with the harvester's names were created by it and can be written; nothing if the account may not look."""
    config = client.config
    patterns = f"{config.alias('meeting')}*,{config.alias('session')}*"
    what = f"filter_path=*.mappings._meta.made_by,*.settings.index.blocks,*.settings.index.uuid,{_CLOSED}&expand_wildcards=all"
    response = client.request(retry, "GET", f"/{patterns}?{what}")
    if response.status in {403, 404}:
        return
    if not response.ok or not isinstance(response.body, dict):
        yield _failure(
            "Elasticsearch indices", client.unexpected(response, "asked for the harvester's indices")
        )
        return
    now = retry.now()
    written = (f"-{now:%Y}", f"-{now:%Y-%m}")
    for name, index in sorted(response.body.items()):
        blocks = member(index, "settings", "index", "blocks") or {}
        is_closed = str(member(index, "settings", "index", "verified_before_close")) == "true"
        blocked = sorted(block for block, set_ in blocks.items() if str(set_) == "true")
        if member(index, "mappings", "_meta", "made_by") != templates.MADE_BY:
            yield CheckResult(
                subject=f"Elasticsearch index {name}",
                status="failed",
                message="was not created by the harvester, but has a name that the harvester uses",
                remedy="choose another ES_INDEX_PREFIX, or rename that index",
                exit_code=ExitCode.CONFIG,
            )
        elif is_closed:
            yield _closed(name, is_written=name.endswith(written))
        elif blocked:
            yield CheckResult(
                subject=f"Elasticsearch index {name}",
                status="failed",
                message=f"cannot be written: it has index.blocks.{', '.join(blocked)}",
                remedy="free disk space, or remove the block",
                exit_code=ExitCode.UNAVAILABLE,
            )


def _closed(name: str, *, is_written: bool) -> CheckResult:
    """`is_written`: the meetings of these days belong into it."""
    return CheckResult(
        subject=f"Elasticsearch index {name}",
        status="failed" if is_written else "warning",
        message="is closed: it can be neither written nor read, and a run that has a document for it fails",
        remedy=f"open it: POST /{name}/_open",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _mappings(client: Client, retry: RetryPolicy) -> Iterator[CheckResult]:
    """Whether existing indices map all fields, which templates do not change; nothing if the account may not look."""
    try:
        differences = list(diff_mappings(client, retry, with_foreign=False))
    except CredentialsError:  # what that means is among the privileges
        return
    except HarvestError as error:
        yield _failure("Elasticsearch mappings", error)
        return
    missing = [each for each in differences if each.installed is None and " " not in each.field]
    others = [each for each in differences if each not in missing]
    if missing:
        yield _differing(
            f"fields are missing in {_place(missing)}; their values are stored, and cannot be searched",
            "`harvester templates install` adds them",
        )
    if others:
        yield _differing(
            f"not as shipped in {_place(others)}", "`harvester templates diff` shows them, and what to do"
        )


def _differing(message: str, remedy: str) -> CheckResult:
    return CheckResult(subject="Elasticsearch mappings", status="warning", message=message, remedy=remedy)


def _place(differences: Sequence[templates.Difference]) -> str:
    """The indices, and the fields in any of them."""
    indices = _some(each.template for each in differences)
    return f"{indices}: {_some(each.field for each in differences)}"


def _some(names: Iterable[str]) -> str:
    """Each name once; the first few of many."""
    distinct = sorted(set(names))
    more = len(distinct) - SHOWN
    return ", ".join(distinct) if more <= 0 else f"{', '.join(distinct[:SHOWN])} and {more:,} more"
