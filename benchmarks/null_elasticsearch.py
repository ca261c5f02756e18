"""An Elasticsearch that stores nothing and answers at once: what a load costs against it is the load's own work."""

from __future__ import annotations

import socketserver
import sys
import threading
from contextlib import AbstractContextManager

from benchmarks.measured_processes import server


def null_server() -> AbstractContextManager[str]:
    """The URL of one, in a process of its own."""
    return server("benchmarks.null_elasticsearch")


class NullReply(socketserver.StreamRequestHandler):
    """Answers every bulk request with as many successes as it has operations, and anything else with nothing."""

    def handle(self) -> None:
        while request := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline().strip()) != b"":
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            body = self.rfile.read(length)
            self.answer(request, body)

    def answer(self, request: bytes, body: bytes) -> None:
        status = b"200 OK"
        reply = b"{}"
        if b"/_bulk" in request:
            items = b",".join([b'{"index":{"status":201}}'] * (body.count(b"\n") // 2))
            reply = b'{"errors":false,"items":[' + items + b"]}"
        elif b"/_count" in request:
            reply = b'{"count":0}'
        elif request.startswith(b"HEAD") or (b"_template/" in request and request.startswith(b"GET")):
            status = b"404 Not Found"
        head = (
            b"HTTP/1.1 %b\r\nx-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\n" % status
        )
        if request.startswith(b"HEAD"):
            reply = b""
        self.wfile.write(head + b"content-length: %d\r\n\r\n" % len(reply) + reply)


def main() -> None:
    """Prints its port, and serves until standard input ends."""
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), NullReply) as running:
        print(running.server_address[1], flush=True)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        sys.stdin.read()
        running.shutdown()


if __name__ == "__main__":
    main()
