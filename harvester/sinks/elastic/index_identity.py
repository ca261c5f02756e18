"""Which indices there are, and how new their documents are: whether a journal still speaks of this cluster's content."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.retry import RetryPolicy
from harvester.sinks.elastic.answer_parsing import lacks_privileges, member
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.index_creation import index_uuids

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) / timedelta(milliseconds=1)


def visible_uuids(client: Client, retry: RetryPolicy) -> dict[str, str] | None:
    """The UUID of each of the harvester's indices, by name; `None` without the privilege `view_index_metadata`.

    The privilege is checked beforehand: for an account that may see some other index, the answer about these is empty.
    """
    if lacks_privileges(client, retry, client.config.index_patterns, "view_index_metadata"):
        return None
    return index_uuids(client, retry)


def newest_harvest(client: Client, retry: RetryPolicy, vendor: str, account: str) -> datetime | None:
    """The newest `harvested_at` of an account's documents; `None` if there are none, or if the account may not read."""
    scope = [{"term": {"vendor": vendor}}, {"term": {"account": account}}]
    body = {
        "size": 0,
        "query": {"bool": {"filter": scope}},
        "aggs": {"newest": {"max": {"field": "harvested_at"}}},
    }
    path = f"/{','.join(client.config.index_patterns)}/_search?ignore_unavailable=true&allow_no_indices=true"
    response = client.request(retry, "POST", path, body=body)
    newest = member(response.body, "aggregations", "newest", "value") if response.ok else None
    if not isinstance(newest, int | float) or not 0 <= newest <= _LAST:
        return None
    return _EPOCH + timedelta(milliseconds=newest)
