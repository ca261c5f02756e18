"""Compares the mappings of existing indices with those shipped; templates only apply to new indices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from connectors.errors import ConfigurationError, CredentialsError
from harvester.sinks.elastic.answer_parsing import lacks_privileges, member, read_objects
from harvester.sinks.elastic.templates import MADE_BY, Difference, flatten, index_definition

if TYPE_CHECKING:
    from connectors.retry import RetryPolicy
    from harvester.sinks.elastic.client import Client

_BETWEEN = re.compile(r"(?:^|\.)(?:properties|fields)\.")
"""The keys of a mapping between the names of fields."""


def diff_mappings(client: Client, retry: RetryPolicy, *, with_foreign: bool = True) -> Iterator[Difference]:
    """The fields that the harvester's indices do not map as shipped, index by index; additional fields are ignored.

    `with_foreign`: also indices that have the harvester's names and that it did not create.

    Raises CredentialsError without the privilege to read the mappings.
    """
    config = client.config
    for index, live in read_mappings(client, retry).items():
        if not (with_foreign or is_made_by_harvester(live)):
            continue
        shipped = index_definition(config, config.kind_of(index))["mappings"]
        yield from _differences(index, _fields(shipped), _fields(live))


def read_mappings(client: Client, retry: RetryPolicy) -> dict[str, dict[str, Any]]:
    """The mappings of all indices with the harvester's names, by index.

    Raises CredentialsError without the privilege to read them.
    """
    config = client.config
    patterns = ",".join(config.index_patterns)
    # Checked as well: for an account without the privilege, the patterns match no index.
    lacking = lacks_privileges(client, retry, [f"{config.prefix}*"], "view_index_metadata")
    response = client.request(retry, "GET", f"/{patterns}/_mapping?expand_wildcards=open,closed")
    if lacking or response.status in {401, 403}:
        raise CredentialsError(
            f"the account may not read the mappings at {config.url}: it needs the privilege view_index_metadata on "
            f"{config.prefix}*"
        )
    if not response.ok:
        raise ConfigurationError(
            f"Elasticsearch at {config.url} refuses to return its mappings: {response.error_type or response.status}"
        )
    found = read_objects(client, response, "asked for its mappings")
    return {
        index: definition.get("mappings", {})
        for index, definition in found.items()
        if config.is_own_index(index)
    }


def is_made_by_harvester(mappings: dict[str, Any]) -> bool:
    return bool(member(mappings, "_meta", "made_by") == MADE_BY)


def _fields(mappings: dict[str, Any]) -> dict[str, Any]:
    """`field attribute` -> value; attributes of the mapping as a whole have no field."""
    flattened = {path: value for path, value in flatten(mappings).items() if not path.startswith("_meta.")}
    fields: dict[str, Any] = {}
    for path, value in flattened.items():
        *above, attribute = _BETWEEN.sub("\n", path).removeprefix("\n").rpartition(".")
        name = above[0].replace("\n", ".")
        fields[f"{name} {attribute}".strip()] = value
    return fields


def _differences(index: str, shipped: dict[str, Any], live: dict[str, Any]) -> Iterator[Difference]:
    """A missing field is one difference, whatever its attributes."""
    existing = {field.partition(" ")[0] for field in live}
    for field, expected in sorted(shipped.items()):
        name, _, attribute = field.partition(" ")
        if name not in existing and attribute == "type":
            yield Difference(template=index, field=name, shipped=expected, installed=None)
        elif (name in existing or not attribute) and expected != live.get(field):
            yield Difference(template=index, field=field, shipped=expected, installed=live.get(field))
