"""Adds the fields that existing indices lack, such as those of a newer version: templates only apply to new indices.

A field that exists is never changed, and neither is an index that the harvester did not create.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harvester.sinks.elastic.mapping_diff import is_made_by_harvester, read_mappings
from harvester.sinks.elastic.templates import index_definition

if TYPE_CHECKING:
    from connectors.retry import RetryPolicy
    from harvester.sinks.elastic.client import Client, Response

Properties = Mapping[str, Any]
"""Mappings by the name of the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingFields:
    """Fields that an index lacked."""

    index: str
    fields: tuple[str, ...]
    refusal: str = ""
    """Why Elasticsearch did not add them."""


def add_missing_fields(client: Client, retry: RetryPolicy) -> Iterator[MissingFields]:
    """Add what each index lacks, and say what it was. New documents can be searched by it then.

    Raises CredentialsError without the privilege to read the mappings; one that is missing to change them is a refusal.
    """
    config = client.config
    for index, live in read_mappings(client, retry).items():
        shipped = index_definition(config, config.kind_of(index))["mappings"]["properties"]
        there = live.get("properties", {})
        lacking = _lacking(shipped, there)
        if not (lacking and is_made_by_harvester(live)):
            continue
        response = client.request(retry, "PUT", f"/{index}/_mapping", body={"properties": lacking})
        refusal = "" if response.ok else _refusal(client, index, response)
        yield MissingFields(index=index, fields=tuple(_names(lacking, there)), refusal=refusal)


def _lacking(shipped: Properties, live: Properties) -> dict[str, Any]:
    """The mappings of the fields that only `shipped` has, within what both have. Elasticsearch wants the mapping of a field
    together with a second one of it (`topic.keyword`): it is that of `live`."""
    lacking: dict[str, Any] = {}
    for name, definition in shipped.items():
        there = live.get(name)
        if there is None:
            lacking[name] = definition
        elif "properties" in definition and "properties" in there:
            within = _lacking(definition["properties"], there["properties"])
            if within:
                lacking[name] = {"properties": within}
        elif definition.get("type") == there.get("type"):
            others = _lacking(definition.get("fields", {}), there.get("fields", {}))
            if others:
                lacking[name] = {**there, "fields": {**there.get("fields", {}), **others}}
    return lacking


def _names(lacking: Properties, live: Properties, path: str = "") -> Iterator[str]:
    """The names of the fields that are new to `live`."""
    for name, definition in lacking.items():
        there = live.get(name, {})
        for within in ("properties", "fields"):
            yield from _names(definition.get(within, {}), there.get(within, {}), f"{path}{name}.")
        if name not in live and "properties" not in definition:
            yield f"{path}{name}"


def _refusal(client: Client, index: str, response: Response) -> str:
    cause = response.cause
    if response.status == 403 and not cause.is_block:
        return str(client.missing_privilege(f"the privilege manage on {client.config.prefix}*"))
    if response.status == 401 or cause.is_block:
        return str(client.error_for(cause, index))
    return f"{response.error_type or response.status}: {cause.reason}"
