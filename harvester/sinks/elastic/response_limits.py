"""The connections of the elasticsearch client, with limits on the size, the duration and the nesting of an answer.

The nodes of the library read an answer of any size, at any pace: a proxy in front of Elasticsearch could exhaust the memory
of this machine, or never end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import elastic_transport
import requests
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elastic_transport._node import NodeApiResponse  # the return type of every node, which has no public name
from elastic_transport.client_utils import DEFAULT, DefaultType, client_meta_version
from elasticsearch.serializer import NdjsonSerializer, OrjsonSerializer

from connectors.base import ResponseLimits
from connectors.json_body import EMPTY, parse_body
from connectors.limited_transport import LimitedSession


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What all connections of one client share. `proxies`: by scheme, as `requests` takes them."""

    limits: ResponseLimits
    proxies: Mapping[str, str]
    stopwatch: Callable[[], float]
    connect_seconds: float


class LimitedNode(elastic_transport.BaseNode):
    """A connection with limits. The library builds nodes from their class, so a subclass has the settings.

    A request raises `ResponseLimitExceeded` or one of `NETWORK_ERRORS`. Nothing but the proxies is taken from the
    environment: `requests` would take a login from .netrc.
    """

    settings: ClassVar[NodeSettings]
    _CLIENT_META_HTTP_CLIENT: ClassVar[tuple[str, str]] = ("rq", client_meta_version(requests.__version__))

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        # Without the header Accept-Encoding, so that Elasticsearch compresses nothing.
        self._session = LimitedSession(
            self.settings.stopwatch, proxies=self.settings.proxies, ca_bundle=config.ca_certs
        )

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> NodeApiResponse:
        started = self.settings.stopwatch()
        all_headers = self._headers.copy()
        all_headers.update(headers or {})
        read_seconds = self.config.request_timeout if request_timeout is DEFAULT else request_timeout
        request = requests.Request(method, self.base_url + target, headers=all_headers, data=body)
        response, content = self._session.exchange(
            request, self.settings.limits, timeout=(self.settings.connect_seconds, read_seconds)
        )
        meta = ApiResponseMeta(
            node=self.config,
            duration=self.settings.stopwatch() - started,
            http_version="1.1",
            status=response.status_code,
            headers=HttpHeaders(response.headers),
        )
        return NodeApiResponse(meta, content)  # type: ignore[arg-type]  # a bytearray, which nothing changes

    def close(self) -> None:
        self._session.close()


def limited_node(shared: NodeSettings) -> type[LimitedNode]:
    """The class of connections with these settings."""

    class ConfiguredNode(LimitedNode):
        settings = shared

    return ConfiguredNode


def limited_serializers(limits: ResponseLimits) -> dict[str, elastic_transport.Serializer]:
    """By media type. Reading raises `BodyRefused` for values that need too much memory; values that are nested too deeply
    become `TOO_DEEP`."""

    class Json(OrjsonSerializer):
        def loads(self, data: bytes) -> Any:
            return _loads(data, limits)

    class ReadyMade(NdjsonSerializer):
        """For bulk bodies that are bytes already: the library's own serializer would copy each of them twice."""

        def dumps(self, data: Any) -> bytes:
            body: bytes = data
            return body

        def loads(self, data: bytes) -> Any:
            return _loads(data, limits)

    # The client asks in the media types of version 8, which 9 understands as well; both spellings have to be known.
    return {
        spelling: serializer
        for name, serializer in (("json", Json()), ("x-ndjson", ReadyMade()))
        for spelling in (f"application/{name}", f"application/vnd.elasticsearch+{name}")
    }


_STORED = b'{"index":{"status":201}}'
_HEAD, _TAIL = b'{"errors":false,"items":[', b"]}"


def _stored_items(data: bytes) -> int:
    """How many operations a bulk answer has, if each of them created a document; else 0."""
    count, rest = divmod(len(data) - len(_HEAD) - len(_TAIL) + 1, len(_STORED) + 1)
    return count if count > 0 and not rest and data == _all_stored(count) else 0


@lru_cache(maxsize=8)
def _all_stored(count: int) -> bytes:
    return _HEAD + b",".join([_STORED] * count) + _TAIL


def _loads(data: bytes, limits: ResponseLimits) -> Any:
    if count := _stored_items(data):  # most answers of a load, which would otherwise be half of its parsing
        return {"errors": False, "items": [{"index": {"status": 201}}] * count}
    parsed = parse_body(data, max_memory=limits.max_memory)
    if parsed.problem is not None and parsed.problem != EMPTY:
        raise elastic_transport.SerializationError(parsed.problem)
    return parsed.value
