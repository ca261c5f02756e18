"""The HTTP client of one Elasticsearch cluster: every answer is a value, every refusal has a message and an exit code.

Messages contain Elasticsearch's error *types*, which are a fixed vocabulary, and never its reasons, which quote documents,
users and tokens.
"""

from __future__ import annotations

import base64
import logging
import re
import ssl
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import elastic_transport
import elasticsearch
import requests
from elastic_transport.client_utils import DEFAULT
from urllib3.exceptions import LocationValueError, SSLError

from connectors.base import ResponseLimits
from connectors.error_causes import causes
from connectors.errors import ConfigurationError, CredentialsError, HarvestError, Unreachable
from connectors.exhausted import exhausted
from connectors.json_body import BodyRefused
from connectors.limited_transport import NETWORK_ERRORS, ResponseTooLarge, ResponseTooSlow, is_unparsable
from connectors.parsing import parse_retry_after
from connectors.proxies_and_certificates import certificate_fault, check_bundle, network_settings
from connectors.retry import RetryPolicy, RetryState, count_attempts
from harvester.logging_setup import ONCE
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.response_limits import NodeSettings, limited_node, limited_serializers

REQUEST_SECONDS = 120.0
"""The longest pause of an answer."""
ANSWER_SHARE = 1.5
"""How often as long a request and its whole answer may take."""
PING_SECONDS = 20.0
"""How long to wait for the first answer of all: a wrong address should not take minutes to show."""
QUIET_SECONDS = 5.0
"""Shorter waits are not logged."""
RETRYABLE = frozenset({0, 429, 500, 502, 503, 504})
"""Statuses that another try may change; 0 stands for no answer at all."""

# A bulk answer without ids and sequence numbers: an item is identified by its position.
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

logger = logging.getLogger(__name__)
# The client library would log that a node "has failed" for every 405, and warn of the cluster's deprecated settings.
logging.getLogger("elastic_transport.node_pool").setLevel(logging.ERROR)
warnings.simplefilter("ignore", elasticsearch.ElasticsearchWarning)


class AnswerTooLarge(Unreachable):
    """An answer exceeds the limits; one that asks for less may not."""


class ErrorCause(NamedTuple):
    """Why a request, or one item of a bulk request, failed."""

    status: int
    type: str = ""
    """Elasticsearch's name of the error; empty if it gave none."""
    reason: str = ""
    """Its explanation. It may quote documents and users: for the rejects, never for messages."""

    @classmethod
    def of(cls, status: int, error: Any) -> ErrorCause:
        if not isinstance(error, Mapping):
            return cls(status)
        return cls(status, _text(error.get("type")), _text(error.get("reason")))

    @property
    def is_block(self) -> bool:
        """Whether an index or the cluster is read-only, which no waiting changes.

        It is a 403, or a 429 if the disk is full. A 503 with this type is a cluster that is still starting.
        """
        return self.type == "cluster_block_exception" and self.status in {403, 429}

    @property
    def is_serverless(self) -> bool:
        """Whether Elastic Cloud Serverless refused a setting: "… are not available when running in serverless mode"."""
        return self.status == 400 and "serverless mode" in self.reason

    @property
    def is_breaker(self) -> bool:
        """Whether the node lacks the memory for a request of this size."""
        return self.type == "circuit_breaking_exception" and self.status == 429


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    """0 if no answer came."""
    body: Any = None
    retry_after: str | None = None
    from_elasticsearch: bool = True
    """False if the answer came from a proxy before Elasticsearch."""
    problem: str | None = None
    """What came instead of an answer: "an answer that is not JSON"."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def cause(self) -> ErrorCause:
        error = self.body.get("error") if isinstance(self.body, Mapping) else None
        return ErrorCause.of(self.status, error)

    @property
    def error_type(self) -> str:
        return self.cause.type


def _authorization(config: ElasticConfig) -> dict[str, str]:
    """The library's own encoding of a password knows only ASCII; Elasticsearch reads UTF-8."""
    if config.api_key:
        return {"authorization": f"ApiKey {config.api_key}"}
    if config.username and config.password:
        login = base64.b64encode(f"{config.username}:{config.password}".encode())
        return {"authorization": f"Basic {login.decode('ascii')}"}
    return {}


class Client:
    """The elasticsearch client of one cluster, with its own retries switched off. Safe for threads."""

    _proxied = False

    def __init__(
        self,
        config: ElasticConfig,
        stopwatch: Callable[[], float],
        *,
        connections: int = 4,
        seconds: float = REQUEST_SECONDS,
    ) -> None:
        """`stopwatch`: in real seconds."""
        self.config = config
        if config.ca_certs is not None:
            if config.url.startswith("http:"):
                raise ConfigurationError(
                    "ES_CA_CERTS is set, but ES_HOST is http://: use https://, or unset ES_CA_CERTS"
                )
            check_bundle("ES_CA_CERTS", config.ca_certs)
        network = network_settings(config.url)
        self._proxied = bool(network.proxies)
        limits = ResponseLimits(max_bytes=config.max_response_bytes, seconds=seconds * ANSWER_SHARE)
        try:
            self._elasticsearch = elasticsearch.Elasticsearch(
                config.url,
                headers=_authorization(config),
                ca_certs=config.ca_certs or network.ca_bundle or DEFAULT,
                node_class=limited_node(
                    NodeSettings(
                        limits=limits, proxies=network.proxies, stopwatch=stopwatch, connect_seconds=seconds
                    )
                ),
                connections_per_node=connections,
                request_timeout=seconds,
                max_retries=0,
                retry_on_timeout=False,
                retry_on_status=(),
                serializers=limited_serializers(limits),
            )
        except (ValueError, OSError):
            raise ConfigurationError("ES_HOST cannot be used: check the URL") from None

    def close(self) -> None:
        self._elasticsearch.close()

    def bulk(self, body: bytes) -> Response:
        """Send one bulk request; the body is encoded already."""
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
        """Send a request once, and return the answer whatever its status.

        Raises ConfigurationError if the certificate is not trusted or if the server is not Elasticsearch.
        """
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = content
        duration = 0.0
        try:
            answer = self._elasticsearch.perform_request(
                method, path, params=params, headers=headers, body=body
            )
        except elasticsearch.UnsupportedProductError:
            raise self.not_elasticsearch() from None
        except elasticsearch.ApiError as error:
            response, duration = self._response(error.meta, error.body), error.meta.duration
        except elastic_transport.SerializationError:
            response = Response(status=502, from_elasticsearch=False, problem="an answer that is not JSON")
        except (ResponseTooLarge, BodyRefused) as error:
            raise self._refused(str(error)) from None
        except ResponseTooSlow as error:
            response = Response(status=0, problem=str(error))
        except NETWORK_ERRORS as error:
            response = self._without_answer(error)
        else:
            response, duration = self._response(answer.meta, answer.body), answer.meta.duration
        outcome = f"{response.status} in {duration * 1000:.0f} ms" if response.status else "no response"
        logger.debug("Elasticsearch: %s %s: %s", method, path.partition("?")[0], outcome)
        return response

    def _without_answer(self, error: Exception) -> Response:
        """Raises ConfigurationError, and Exhausted, for what another try would not change."""
        if (lack := exhausted(error)) is not None:
            raise lack from None
        if any(isinstance(cause, ssl.SSLError | SSLError) for cause in causes(error)):
            raise self._tls_error(error) from None
        if isinstance(error, requests.exceptions.InvalidURL | LocationValueError | UnicodeError):
            raise ConfigurationError("ES_HOST cannot be used: its host name is not a valid one") from None
        return Response(status=0, problem="an answer that is not HTTP" if is_unparsable(error) else None)

    def _tls_error(self, error: Exception) -> ConfigurationError:
        fault = certificate_fault(error)
        if fault is None:
            return ConfigurationError(
                f"no TLS connection to {self.config.url}: check whether ES_HOST needs http:// or https://"
            )
        remedy = f"{fault.remedy} in ES_CA_CERTS" if fault.authority else fault.remedy
        return ConfigurationError(f"the certificate of {self.config.url} {fault.words}: {remedy}")

    def _refused(self, what: str) -> AnswerTooLarge:
        return AnswerTooLarge(
            f"Elasticsearch at {self.config.url} sent {what}, which is refused: check what stands in front of "
            "Elasticsearch, or raise HARVESTER_MAX_RESPONSE_MB"
        )

    def _response(self, meta: elastic_transport.ApiResponseMeta, body: Any) -> Response:
        genuine = meta.headers.get("x-elastic-product") == "Elasticsearch"
        # A proxy or a load balancer may answer with one of these statuses itself; anything else is a wrong address.
        if meta.status == 407 and self._proxied:
            raise ConfigurationError(
                "the proxy between this machine and Elasticsearch wants a login (407): put it into HTTP_PROXY or HTTPS_PROXY"
            )
        if not genuine and meta.status not in {401, 403, 413, *RETRYABLE}:
            raise self.not_elasticsearch()
        return Response(
            status=meta.status,
            body=body,
            retry_after=meta.headers.get("retry-after"),
            from_elasticsearch=genuine,
        )

    def request(self, retry: RetryPolicy, method: str, path: str, *, body: Any = None) -> Response:
        """Send a request until the answer is one that another try would not change.

        Raises Unreachable after too long, CredentialsError for a 401.
        """
        state = retry.start()
        while True:
            response = self.send(method, path, body=body)
            if response.status == 401:
                raise self.error_for(response.cause)
            if response.status not in RETRYABLE or response.cause.is_block:
                return response
            wait_before_retry(state, self.unavailable_reason(response), response.retry_after)

    def ping(self, retry: RetryPolicy) -> None:
        """Check that Elasticsearch answers and accepts the credentials.

        The account may lack the right to read `/` (403), or the server may not offer it (405): both count as answers.
        """
        self.request(retry.within(PING_SECONDS), "GET", "/")

    def unavailable_reason(self, response: Response) -> str:
        """Why there is no usable answer."""
        if response.problem is not None:
            return f"Elasticsearch at {self.config.url}, or a proxy in front of it, sent {response.problem}"
        if response.status == 0:
            proxied = " through the proxy that HTTP_PROXY or HTTPS_PROXY names" if self._proxied else ""
            return f"Elasticsearch at {self.config.url} cannot be reached{proxied}"
        if response.cause.is_breaker:
            return f"Elasticsearch at {self.config.url} lacks memory for the request (circuit_breaking_exception)"
        kind = f", {response.error_type}" if response.error_type else ""
        return f"Elasticsearch at {self.config.url} is busy or not ready (HTTP {response.status}{kind})"

    def not_elasticsearch(self) -> ConfigurationError:
        return ConfigurationError(
            f"the server at {self.config.url} is not Elasticsearch 8 or 9: check ES_HOST (OpenSearch and Elasticsearch 7 "
            "are not supported)"
        )

    def unexpected(self, response: Response, request: str) -> ConfigurationError:
        """The error for an answer that Elasticsearch does not give when it works. `request`: "asked for its version"."""
        kind = f", {response.error_type}" if response.error_type else ""
        return ConfigurationError(
            f"Elasticsearch at {self.config.url} gives an unexpected answer if it is {request} "
            f"(HTTP {response.status}{kind}): check ES_HOST and whatever stands in front of Elasticsearch"
        )

    def error_for(self, cause: ErrorCause, index: str = "") -> HarvestError:
        """The error for a 401 or 403 of a request or of one item of a bulk request."""
        url = self.config.url
        if cause.is_block:
            blocked = f"{f'the index {index}' if index else 'an index'} at {url} is read-only"
            if cause.status == 429 or "flood" in cause.reason or "read-only-allow-delete" in cause.reason:
                return Unreachable(
                    f"{blocked}: the disk of a node is full (flood-stage watermark): free some space; "
                    "Elasticsearch then lifts the block"
                )
            return Unreachable(
                f"{blocked}: either its disk is nearly full (free some space: Elasticsearch then lifts the block), or "
                "index.blocks or cluster.blocks is set"
            )
        if cause.status == 401:
            return CredentialsError(
                f"Elasticsearch at {url} rejected the credentials (401): check ES_API_KEY, or ES_USERNAME and ES_PASSWORD"
            )
        privilege = next((name for pattern, name in _PRIVILEGES if pattern.search(cause.reason)), None)
        if privilege == "manage_index_templates":
            return self.missing_privilege(f"the cluster privilege {privilege}")
        wanted = f"the privilege {privilege}" if privilege else "the privileges create_index and write"
        return self.missing_privilege(f"{wanted} on {self.config.prefix}*")

    def missing_privilege(self, privilege: str) -> CredentialsError:
        return CredentialsError(f"the account lacks a privilege at {self.config.url}: it needs {privilege}")

    def serverless(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self.config.url} is Elastic Cloud Serverless, which does not permit index.gc_deletes: it is not supported; "
            "use Elasticsearch 8 or 9, self-managed or on Elastic Cloud Hosted"
        )

    def closed_index(self, index: str, consequence: str = "") -> Unreachable:
        closed = f"the index {index} at {self.config.url} is closed"
        return Unreachable(
            f"{closed}{f', {consequence}' if consequence else ''}: open it and run the same command again"
        )


def wait_before_retry(state: RetryState, problem: str, retry_after: str | None = None) -> None:
    """Wait before the next try; `retry_after`: the value of that header.

    Raises Unreachable with `problem` if the next try would be too late, Interrupted if the policy was cancelled.
    """
    policy = state.policy
    delay = state.next_delay(parse_retry_after(retry_after, policy.now()))
    if delay is None:
        raise Unreachable(
            f"{problem}; gave up after {count_attempts(state.attempts)} in {state.seconds:.0f} s: check that it is "
            "running and that ES_HOST is right, then run the same command again"
        ) from None
    if state.seconds + delay > QUIET_SECONDS:
        logger.info("%s; retrying for up to %.0f s", problem, policy.limits.total_seconds, extra=ONCE)
    policy.wait(delay)
