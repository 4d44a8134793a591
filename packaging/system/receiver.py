"""A vendor's server on the booted system: https with an authority of its own, which the endpoint names."""

from __future__ import annotations

import http.server
import queue
import ssl
import threading
from pathlib import Path

import trustme

CA_FILE = Path("/etc/ssl/telemetryd-test.pem")


class Receiver:
    """Takes reports. While `is_silent` is set, it reads a request and answers nothing until it is cleared."""

    def __init__(self) -> None:
        self.reports: queue.Queue[bytes] = queue.Queue()
        self.may_answer = threading.Event()
        self.may_answer.set()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(CA_FILE)
        CA_FILE.chmod(0o644)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def drain(self) -> list[bytes]:
        """The reports that were not looked at yet; they are out of the way then."""
        return [self.reports.get() for _ in range(self.reports.qsize())]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def endpoint(self) -> str:
        """The endpoint as a configuration file has it."""
        url = f"https://localhost:{self.port}/v1/reports"
        return f'[endpoint.example]\nname = "Example"\nurl = "{url}"\nca_file = "{CA_FILE}"\n'

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """A report."""
                receiver.reports.put(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.may_answer.wait(30)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
