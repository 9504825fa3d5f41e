"""An HTTPS server that shows a certificate of `data/certificates`, and keeps what it is told."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from served import served

CERTIFICATES = Path(__file__).parent / "data" / "certificates"
FINGERPRINT = hashlib.sha256(
    ssl.PEM_cert_to_DER_cert((CERTIFICATES / "authority.pem").read_text())
).hexdigest()
"""Of the authority."""


class TlsServer(ThreadingHTTPServer):
    """Answers every request as Elasticsearch would, with nothing in it."""

    def __init__(self) -> None:
        self.headers: list[str | None] = []
        """`Authorization` of every request."""
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing: a caller that does not trust this server hangs up."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://127.0.0.1:{self.server_port}"

    def show(self, certificate: str) -> None:
        """Show `data/certificates/<certificate>.pem` to whoever comes from now on."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")

    def finish_request(self, request: ssl.SSLSocket, client_address: object) -> None:  # type: ignore[override]
        self.connections += 1
        with self.context.wrap_socket(request, server_side=True) as secured:
            self.RequestHandlerClass(secured, client_address, self)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: TlsServer

    def do_GET(self) -> None:
        self.server.headers.append(self.headers["Authorization"])
        self.send_response(200)
        for name, value in (
            ("X-Elastic-Product", "Elasticsearch"),
            ("Content-Type", "application/json"),
            ("Content-Length", "2"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def tls_server(certificate: str) -> Iterator[TlsServer]:
    """A server that shows a certificate; see `show`."""
    server = TlsServer()
    server.show(certificate)
    with served(server):
        yield server
