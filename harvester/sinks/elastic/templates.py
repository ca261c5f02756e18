"""The shipped index templates, and those of a cluster: shown, installed, compared.

In `index_templates/*.json`, `{prefix}` and `{period}` stand for the configured values. A new index gets the same
mappings whether the templates are installed or the loader creates it; aliases come with the templates only, since
creating one needs more privileges than writing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson

from connectors.errors import ConfigurationError, CredentialsError, HarvestError
from harvester.sinks.elastic.answer_parsing import member
from harvester.sinks.elastic.config import ElasticConfig, Kind

if TYPE_CHECKING:
    from connectors.retry import RetryPolicy
    from harvester.sinks.elastic.client import Client, Response

MADE_BY = "meeting-harvester"
_COMPONENTS = ("settings", "shared", "quality")
_INDICES: tuple[Kind, ...] = ("meeting", "session", "booking", "room")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template to install: its path below the cluster's URL, and its body."""

    path: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A place where a template or an index of the cluster is not as shipped; `None`: has no such field."""

    template: str
    field: str
    shipped: Any
    installed: Any


def shipped(config: ElasticConfig) -> list[Template]:
    """The templates to install, components first, since the index templates refer to them."""
    components = [
        Template(path=f"/_component_template/{config.prefix}{name}", body=_read(f"component-{name}", config))
        for name in _COMPONENTS
    ]
    indices = [
        Template(path=f"/_index_template/{config.alias(kind)}", body=_read(f"index-{kind}s", config))
        for kind in _INDICES
    ]
    return components + indices


def index_definition(config: ElasticConfig, kind: Kind) -> dict[str, Any]:
    """Settings and mappings of a new index, as the templates would create it, but without the read alias."""
    index = _read(f"index-{kind}s", config)
    made: dict[str, Any] = {}
    for component in index["composed_of"]:
        name = component.removeprefix(config.prefix)
        made = _merge(made, _read(f"component-{name}", config)["template"])
    made = _merge(made, index["template"])
    del made["aliases"]
    return made


def install(client: Client, retry: RetryPolicy) -> list[str]:
    """Install every template, and return their names.

    Raises ConfigurationError if another index period is installed or a template belongs to another application,
    CredentialsError without the privilege.
    """
    wanted, installed = shipped(client.config), _fetch_installed(client, retry)
    for template in wanted:
        _check_replaceable(client, template, installed.get(template.path))
    for template in wanted:
        response = client.request(retry, "PUT", template.path, body=template.body)
        if not response.ok:
            raise _error_for(client, template, response)
    return [template.name for template in wanted]


def install_missing(client: Client, retry: RetryPolicy) -> str | None:
    """Install the templates before a first load if one is missing. Returns a message if there is something to say.

    Raises ConfigurationError as `install` does. A missing privilege is only reported: the loader creates indices with
    their mappings, and only the read aliases are missing.
    """
    config = client.config
    try:
        installed = _fetch_installed(client, retry)
        states = [_state(client, template, installed.get(template.path)) for template in shipped(config)]
        if "missing" in states:
            install(client, retry)
            return f"index templates installed at {config.url}"
    except CredentialsError:
        return (
            "the account may not manage index templates (cluster privilege manage_index_templates): loading continues "
            f"without the aliases {config.alias('meeting')} and {config.alias('session')}; ask an administrator to run "
            "`harvester templates install`"
        )
    if "different" in states:
        return "the cluster's index templates differ from those shipped: see `harvester templates diff`"
    return None


def diff_templates(client: Client, retry: RetryPolicy) -> Iterator[Difference]:
    """The differences between the cluster's templates and those shipped.

    Raises ConfigurationError as `install` does: no run could use them.
    """
    installed = _fetch_installed(client, retry)
    for template in shipped(client.config):
        found = installed.get(template.path)
        _check_replaceable(client, template, found)
        if found is None:
            yield Difference(template=template.name, field="", shipped="a template", installed=None)
        else:
            yield from _differences(template.name, flatten(template.body), flatten(found))


def check_period(meta: Mapping[str, Any], config: ElasticConfig, what: str) -> None:
    """Raise ConfigurationError if `_meta` is of another index period, which would put a document into two indices."""
    period = meta.get("period")
    if period is not None and period != config.period:
        raise ConfigurationError(
            f"{what} at {config.url} was created for one index per {period}: use --index-period {period} "
            f"(or the setting ES_INDEX_PERIOD={period}), or another ES_INDEX_PREFIX"
        )


def _state(client: Client, template: Template, installed: Mapping[str, Any] | None) -> str:
    if installed is None:
        return "missing"
    _check_replaceable(client, template, installed)
    return "same" if flatten(installed) == flatten(template.body) else "different"


def _check_replaceable(client: Client, template: Template, installed: Mapping[str, Any] | None) -> None:
    if installed is None:
        return
    meta = installed.get("_meta") or {}
    if meta.get("made_by") != MADE_BY:
        raise ConfigurationError(
            f"the template {template.name} at {client.config.url} was not created by the harvester; choose another "
            "ES_INDEX_PREFIX, or remove it"
        )
    check_period(meta, client.config, f"the template {template.name}")


def _fetch_installed(client: Client, retry: RetryPolicy) -> dict[str, Mapping[str, Any]]:
    """The bodies of the cluster's templates by path: those whose names begin with the prefix."""
    return {
        f"/_{kind}/{name}": body
        for kind in ("component_template", "index_template")
        for name, body in _fetch_templates(client, retry, kind)
    }


def _fetch_templates(
    client: Client, retry: RetryPolicy, kind: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    names = f"{client.config.prefix}*"
    response = client.request(retry, "GET", f"/_{kind}/{names}")
    if response.status == 404:
        return
    if response.status in {401, 403} or response.cause.is_block:
        raise client.error_for(response.cause)
    found = member(response.body, f"{kind}s")
    if not response.ok or not isinstance(found, list):
        raise client.unexpected(response, f"asked for the templates {names}")
    for each in found:
        name, body = member(each, "name"), member(each, kind)
        if not (isinstance(name, str) and isinstance(body, dict) and isinstance(body.get("_meta", {}), dict)):
            raise client.unexpected(response, f"asked for the templates {names}")
        yield name, body


def _error_for(client: Client, template: Template, response: Response) -> HarvestError:
    if response.status in {401, 403} or response.cause.is_block:
        return client.error_for(response.cause)
    if response.cause.is_serverless:
        return client.serverless()
    return ConfigurationError(
        f"Elasticsearch at {client.config.url} refuses the template {template.name}: "
        f"{response.error_type or response.status}: run `harvester check`, which names the index that is in the way"
    )


@cache
def _text(name: str) -> str:
    return files("index_templates").joinpath(f"{name}.json").read_text(encoding="utf-8")


def _read(name: str, config: ElasticConfig) -> dict[str, Any]:
    text = _text(name).replace("{prefix}", config.prefix).replace("{period}", config.period)
    body: dict[str, Any] = orjson.loads(text)
    return body


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = _merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


_BOOLEANS = {True: "true", False: "false"}
# Newer versions add these to every stored template.
_SERVER_FIELDS = frozenset({"created_date", "created_date_millis", "modified_date", "modified_date_millis"})


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Dotted path -> value, normalized: Elasticsearch returns settings and some booleans as strings."""
    if isinstance(value, Mapping) and value:
        return {
            dotted: leaf
            for key, inner in value.items()
            if key not in _SERVER_FIELDS
            for dotted, leaf in flatten(inner, f"{path}.{key}" if path else str(key)).items()
        }
    return {path: _BOOLEANS[value] if isinstance(value, bool) else value}


def _differences(name: str, shipped: dict[str, Any], installed: dict[str, Any]) -> Iterator[Difference]:
    for field in sorted({*shipped, *installed}):
        if shipped.get(field) != installed.get(field):
            yield Difference(
                template=name, field=field, shipped=shipped.get(field), installed=installed.get(field)
            )
