"""One HTTP client for one cluster: every answer is a value, and every refusal has words and an exit code.

The words never hold what Elasticsearch says of a document, a user or a token: its error *types* are a fixed
vocabulary, its reasons quote values.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import elastic_transport
import elasticsearch
from elastic_transport.client_utils import DEFAULT
from elasticsearch.serializer import NdjsonSerializer, OrjsonSerializer

from connectors.errors import ConfigurationError, CredentialsError, HarvestError, Unreachable
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.retry import FIRST_ANSWER_SECONDS, RetryPolicy

REQUEST_SECONDS = 120.0
RETRYABLE = frozenset({0, 429, 500, 502, 503, 504})
"""Statuses that another try may change; 0 stands for no answer at all."""

# A bulk answer without names and sequence numbers: the place of an item tells which one it is.
_BULK_PARAMETERS = {"filter_path": "errors,items.*.status,items.*.error"}
_NDJSON = "application/x-ndjson"
_PRIVILEGES = (
    (re.compile(r"\[indices:data/write"), "write"),
    (re.compile(r"\[indices:data/read"), "read"),
    (re.compile(r"\[indices:admin/(create|auto_create)"), "create_index"),
    (re.compile(r"\[indices:admin/refresh"), "maintenance"),
    (
        re.compile(r"\[(indices:admin/(index|component)_template|cluster:admin/component_template)"),
        "manage_index_templates",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back. `status` 0: nothing did. `genuine`: it came from an Elasticsearch, not from something before it."""

    status: int
    body: Any = None
    retry_after: str | None = None
    from_elasticsearch: bool = True

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def error_type(self) -> str:
        """Elasticsearch's name of what went wrong, `""` where it gave none."""
        return _text(self._error, "type")

    @property
    def reason(self) -> str:
        """Its explanation; may quote documents and users: for the rejects, never for messages."""
        return _text(self._error, "reason")

    @property
    def _error(self) -> Any:
        return self.body.get("error") if isinstance(self.body, Mapping) else None


def _text(error: Any, key: str) -> str:
    value = error.get(key) if isinstance(error, Mapping) else None
    return value if isinstance(value, str) else ""


# Both would print beside our own words: that a node "has failed" for every 405, and what a server says of old settings.
logging.getLogger("elastic_transport.node_pool").setLevel(logging.ERROR)
warnings.simplefilter("ignore", elasticsearch.ElasticsearchWarning)


class _ReadyMade(NdjsonSerializer):
    """For bulk bodies that are ready: the library's own would copy each of them twice."""

    def dumps(self, data: Any) -> bytes:
        body: bytes = data
        return body


# The client asks in the media types of version 8, which 9 understands as well; both spellings have to be known.
_SERIALIZERS = {
    spelling: serializer
    for name, serializer in (("json", OrjsonSerializer()), ("x-ndjson", _ReadyMade()))
    for spelling in (f"application/{name}", f"application/vnd.elasticsearch+{name}")
}


class Client:
    """The elasticsearch client of one cluster, its own retries off. Safe for threads."""

    def __init__(
        self, config: ElasticConfig, *, connections: int = 4, seconds: float = REQUEST_SECONDS
    ) -> None:
        self.config = config
        login = (config.username, config.password) if config.username and config.password else None
        try:
            self._elasticsearch = elasticsearch.Elasticsearch(
                config.url,
                api_key=config.api_key,
                basic_auth=login,
                ca_certs=config.ca_certs or DEFAULT,
                connections_per_node=connections,
                request_timeout=seconds,
                max_retries=0,
                retry_on_timeout=False,
                retry_on_status=(),
                serializers=_SERIALIZERS,
            )
        except (ValueError, OSError) as error:
            if config.ca_certs is None:
                raise
            raise ConfigurationError(
                f"ES_CA_CERTS cannot be used ({type(error).__name__}): it names a file with "
                "certificates in PEM form"
            ) from None

    def close(self) -> None:
        self._elasticsearch.close()

    def bulk(self, body: bytes) -> Response:
        """One bulk request, out of a body that is ready."""
        return self.send("POST", "/_bulk", body=body, params=_BULK_PARAMETERS, content=_NDJSON)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content: str = "application/json",
    ) -> Response:
        """The answer to one request, whatever its status. Raises ConfigurationError for a certificate that is not
        trusted and for something that is not Elasticsearch."""
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = content
        try:
            told = self._elasticsearch.perform_request(
                method, path, params=params, headers=headers, body=body
            )
        except elasticsearch.UnsupportedProductError:
            raise self.not_elasticsearch() from None
        except elasticsearch.ApiError as error:
            return self._answer(error.meta, error.body)
        except elastic_transport.TlsError:
            raise ConfigurationError(
                f"the certificate of {self.config.url} is not trusted, or it speaks no TLS: set ES_CA_CERTS to the "
                "file of its certificate authority, and mind http:// and https:// in ES_HOST"
            ) from None
        except elastic_transport.SerializationError:
            return Response(status=502, from_elasticsearch=False)
        except elastic_transport.TransportError:
            return Response(status=0)
        return self._answer(told.meta, told.body)

    def _answer(self, meta: elastic_transport.ApiResponseMeta, body: Any) -> Response:
        genuine = meta.headers.get("x-elastic-product") == "Elasticsearch"
        # A proxy or a load balancer may refuse in its own name; what else is no Elasticsearch is a wrong address.
        if not genuine and meta.status not in {401, 403, 413, *RETRYABLE}:
            raise self.not_elasticsearch()
        return Response(
            status=meta.status,
            body=body,
            retry_after=meta.headers.get("retry-after"),
            from_elasticsearch=genuine,
        )

    def not_elasticsearch(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self.config.url} answers, but is no Elasticsearch 8 or 9: look at ES_HOST (OpenSearch and "
            "Elasticsearch 7 are not supported)"
        )

    def request(
        self, retry: RetryPolicy, method: str, path: str, *, body: Any = None, seconds: float | None = None
    ) -> Response:
        """The first answer that another try would not change. Raises Unreachable, CredentialsError for a 401."""
        tries = retry.start(seconds)
        while True:
            answer = self.send(method, path, body=body)
            if answer.status == 401:
                raise self.refusal(answer, "")
            if answer.status not in RETRYABLE:
                return answer
            tries.backoff(self.unavailable_reason(answer), answer.retry_after)

    def ping(self, retry: RetryPolicy) -> None:
        """Make sure that an Elasticsearch is there and knows us, before anything else is done.

        Its root may be closed to the account (403) or not be there (405): that is an answer as well.
        """
        self.request(retry, "GET", "/", seconds=min(FIRST_ANSWER_SECONDS, retry.seconds))

    def unavailable_reason(self, answer: Response) -> str:
        """Why there is no usable answer, in words."""
        if answer.status == 0:
            return f"Elasticsearch at {self.config.url} cannot be reached"
        return f"Elasticsearch at {self.config.url} is busy or not ready (HTTP {answer.status})"

    def refusal(self, answer: Response, index: str) -> HarvestError:
        """Why we may not: a 401 or 403 for a request, or for one item of a bulk request."""
        return self.refused(answer.status, answer.error_type, answer.reason, index)

    def refused(self, status: int, error_type: str, reason: str, index: str) -> HarvestError:
        url = self.config.url
        where = f"the index {index}" if index else "an index"
        if error_type == "cluster_block_exception":
            return Unreachable(
                f"{where} at {url} is read-only: either its disk is nearly full (free some: Elasticsearch lifts the "
                "block by itself), or index.blocks or cluster.blocks is set there"
            )
        if status == 401:
            return CredentialsError(
                f"Elasticsearch at {url} does not know us: look at ES_API_KEY, or ES_USERNAME and ES_PASSWORD"
            )
        right = next((name for pattern, name in _PRIVILEGES if pattern.search(reason)), None)
        wanted = f"the privilege {right}" if right else "the privileges create_index and write"
        return CredentialsError(
            f"the account may not do this at {url}: it needs {wanted} on {self.config.prefix}*"
            if right != "manage_index_templates"
            else f"the account may not do this at {url}: it needs the cluster privilege {right}"
        )
