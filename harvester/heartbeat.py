"""Pings a monitor such as healthchecks.io: at the start of a run, and at its end with the exit code.

The monitor must never disturb the run: pings are sent by a thread of their own, the run waits only at its end and only for a
few seconds, and whatever goes wrong is one warning. The URL is a secret: anyone who knows it can ping.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread

from connectors.errors import ConfigurationError
from connectors.exit_codes import ExitCode
from harvester.logging_setup import EVEN_IF_QUIET

logger = logging.getLogger(__name__)

SECONDS = 3.0
"""To connect, and to answer."""
LONGEST_WAIT = 5.0
"""How long the end of a run waits for pings that are not answered yet, in seconds."""
MAX_BYTES = 10_000
"""Of the log that is sent; the monitor keeps no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ping:
    suffix: str
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class Heartbeat:
    url: str
    longest_wait: float = LONGEST_WAIT
    _pings: SimpleQueue[_Ping | None] = field(default_factory=SimpleQueue, init=False)
    _sender: Thread | None = field(default=None, init=False)
    _problem: str | None = field(default=None, init=False)

    def start(self) -> None:
        """Ping `/start`. Returns at once."""
        self._sender = Thread(target=self._send_all, name="heartbeat", daemon=True)
        self._sender.start()
        self._pings.put(_Ping(suffix="/start"))

    def end(self, exit_code: int, log: str) -> None:
        """Ping the URL itself after a success, else `/EXITCODE` with the end of the log. Returns within `longest_wait`."""
        success = exit_code == ExitCode.OK
        ping = _Ping(suffix="") if success else _Ping(suffix=f"/{exit_code}", body=tail(log))
        self._pings.put(ping)
        self._pings.put(None)
        if self._sender is not None:
            self._sender.join(self.longest_wait)
            if self._sender.is_alive():
                self._problem = f"no answer within {self.longest_wait:.0f} s"
        if self._problem is not None:
            logger.warning(
                f"the heartbeat could not be sent ({self._problem}); the run itself is not affected",
                extra=EVEN_IF_QUIET,
            )

    def _send_all(self) -> None:
        while (ping := self._pings.get()) is not None:
            self._problem = self._send(ping)

    def _send(self, ping: _Ping) -> str | None:
        """Why the ping failed; `None` if it was taken. Never contains the URL."""
        import requests

        from connectors.limited_transport import NETWORK_ERRORS
        from connectors.proxies_and_certificates import network_settings

        try:
            settings = network_settings(self.url)
            with requests.Session() as session:
                session.trust_env = False  # no .netrc
                session.headers["User-Agent"] = "meeting-harvester"
                with session.post(
                    self.url + ping.suffix,
                    data=ping.body,
                    headers={"Content-Type": "text/plain; charset=utf-8"},
                    timeout=(SECONDS, SECONDS),
                    allow_redirects=False,
                    stream=True,  # the body of the answer is not read
                    proxies=dict(settings.proxies),
                    verify=settings.ca_bundle or True,
                ) as answer:
                    return None if 200 <= answer.status_code < 300 else f"status {answer.status_code}"
        except ConfigurationError as error:
            return str(error)
        except NETWORK_ERRORS as error:
            logger.debug("heartbeat: %s", type(error).__name__)
            return "no answer in time" if isinstance(error, requests.Timeout) else "no connection"


def tail(log: str) -> bytes:
    """As many of the last lines as fit into `MAX_BYTES`."""
    content = log.encode("utf-8", "backslashreplace")
    if len(content) <= MAX_BYTES:
        return content
    cut = content[-MAX_BYTES:]
    whole_lines = cut.partition(b"\n")[2]
    return (whole_lines or cut).decode("utf-8", "ignore").encode()
