"""What the indices of a cluster map, compared with what is shipped: templates only say how the next index is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from connectors.errors import ConfigurationError, CredentialsError
from harvester.sinks.elastic.templates import Difference, flatten, index_definition

if TYPE_CHECKING:
    from harvester.sinks.elastic.client import Client
    from harvester.sinks.elastic.retry import RetryPolicy

_BETWEEN = re.compile(r"(?:^|\.)(?:properties|fields)\.")
"""What stands in a mapping between the names of fields."""


def diff_mappings(client: Client, retry: RetryPolicy) -> Iterator[Difference]:
    """Where live indices of ours do not map a field as shipped, index by index; fields of somebody else's are theirs.

    Raises CredentialsError without the privilege to look.
    """
    config = client.config
    patterns = f"{config.prefix}meetings-*,{config.prefix}sessions-*"
    ours = re.compile(rf"{re.escape(config.prefix)}(meetings|sessions)-\d{{4}}(-\d{{2}})?")
    # Asked beforehand: to an account without the right, patterns are patterns without an index.
    asked = {"index": [{"names": [f"{config.prefix}*"], "privileges": ["view_index_metadata"]}]}
    rights = client.request(retry, "POST", "/_security/user/_has_privileges", body=asked)
    answer = client.request(retry, "GET", f"/{patterns}/_mapping?expand_wildcards=open,closed")
    if (rights.ok and not rights.body.get("has_all_requested", True)) or answer.status in {401, 403}:
        raise CredentialsError(
            f"the account may not look at the mappings at {config.url}: it needs the privilege view_index_metadata on "
            f"{config.prefix}*"
        )
    if not answer.ok:
        raise ConfigurationError(
            f"Elasticsearch at {config.url} does not tell its mappings: {answer.error_type or answer.status}"
        )
    for index, told in sorted(answer.body.items()):
        if ours.fullmatch(index):
            shipped = index_definition(config, config.kind_of(index))["mappings"]
            yield from _differences(index, _fields(shipped), _fields(told.get("mappings", {})))


def _fields(mappings: dict[str, Any]) -> dict[str, Any]:
    """`field attribute` -> value; what is said of the mapping as a whole has no field."""
    told = {path: value for path, value in flatten(mappings).items() if not path.startswith("_meta.")}
    fields: dict[str, Any] = {}
    for path, value in told.items():
        *above, attribute = _BETWEEN.sub("\n", path).removeprefix("\n").rpartition(".")
        name = above[0].replace("\n", ".")
        fields[f"{name} {attribute}".strip()] = value
    return fields


def _differences(index: str, shipped: dict[str, Any], live: dict[str, Any]) -> Iterator[Difference]:
    """A field that is not there at all is one difference, whatever would be said of it."""
    there = {field.partition(" ")[0] for field in live}
    for field, ours in sorted(shipped.items()):
        name, _, attribute = field.partition(" ")
        if name not in there and attribute == "type":
            yield Difference(template=index, field=name, shipped=ours, installed=None)
        elif (name in there or not attribute) and ours != live.get(field):
            yield Difference(template=index, field=field, shipped=ours, installed=live.get(field))
