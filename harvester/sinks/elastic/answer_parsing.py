"""Read parts of Elasticsearch's answers. A proxy may send any JSON: what has another shape raises `Client.unexpected`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from connectors.retry import RetryPolicy

if TYPE_CHECKING:
    from harvester.sinks.elastic.client import Client, Response


def member(body: Any, *names: str) -> Any:
    """The value at this path of a JSON object; `None` if there is none."""
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def first_text(fields: Any, name: str) -> str | None:
    """The first value of a field among the `fields` of a hit; `None` if that is not text."""
    found = _first(fields, name)
    return found if isinstance(found, str) else None


def first_number(fields: Any, name: str) -> int | None:
    """The same for a field of whole numbers."""
    found = _first(fields, name)
    return found if isinstance(found, int) else None


def _first(fields: Any, name: str) -> Any:
    found = member(fields, name)
    return found[0] if isinstance(found, list) and found else None


def lacks_privileges(client: Client, retry: RetryPolicy, names: Sequence[str], *privileges: str) -> bool:
    """Whether Elasticsearch says that the account lacks one of these privileges on indices with these names.

    Any other answer means that security is switched off, or that the account may not ask.
    """
    body = {"index": [{"names": list(names), "privileges": list(privileges)}]}
    response = client.request(retry, "POST", "/_security/user/_has_privileges", body=body)
    return response.ok and member(response.body, "has_all_requested") is False


def read_text(client: Client, response: Response, request: str, *names: str) -> str:
    """The text at this path. `request` as in `Client.unexpected`."""
    found = member(response.body, *names)
    if not isinstance(found, str):
        raise client.unexpected(response, request)
    return found


def read_objects(client: Client, response: Response, request: str) -> dict[str, dict[str, Any]]:
    """The objects by name, such as the settings by index, in the order of the names."""
    body = response.body
    if not isinstance(body, dict) or not all(isinstance(item, dict) for item in body.values()):
        raise client.unexpected(response, request)
    return dict(sorted(body.items()))


def read_hits(client: Client, response: Response, **members: type) -> list[dict[str, Any]]:
    """The hits of a search. `members`: what each hit must have, besides `_index` and `_id`, and its type."""
    return _read_list(client, response, {"_index": str, "_id": str, **members}, "hits", "hits")


def read_documents(client: Client, response: Response) -> list[dict[str, Any]]:
    """The documents of a multi-get that exist, with `_id`, `_version` and `_source`."""
    documents = _read_list(client, response, {"_id": str}, "docs")
    there = [document for document in documents if document.get("found")]
    if not _all_have(there, {"_version": int, "_source": dict}):
        raise _no_documents(client, response)
    return there


def read_buckets(client: Client, response: Response, aggregation: str) -> list[dict[str, Any]]:
    """The buckets of a composite aggregation; none if no index matches."""
    if member(response.body, "aggregations") is None and member(response.body, "hits") is not None:
        return []
    return _read_list(client, response, {"key": dict}, "aggregations", aggregation, "buckets")


def _read_list(
    client: Client, response: Response, members: dict[str, type], *names: str
) -> list[dict[str, Any]]:
    found = member(response.body, *names)
    if not isinstance(found, list) or not _all_have(found, members):
        raise _no_documents(client, response)
    return found


def _all_have(items: Sequence[Any], members: dict[str, type]) -> bool:
    return all(
        isinstance(item, dict) and all(isinstance(item.get(name), type_) for name, type_ in members.items())
        for item in items
    )


def _no_documents(client: Client, response: Response) -> Exception:
    return client.unexpected(response, "asked for documents")
