"""HTTP connections that end at a certain time, whatever the server sends.

The timeout of a socket is for each time that it is read. A server that sends a byte of a header now
and then, or `100 Continue` again and again, could keep a thread for ever.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from xlrec_es.errors import MissingExtra

try:
    import urllib3
    from urllib3.connection import HTTPConnection, HTTPSConnection
except ImportError as error:
    raise MissingExtra.named("images", "Fetching pictures") from error


class Deadline:
    """Hangs up once the time is over, whatever a server still sends: a byte of a header, say.

    Args:
        until: By `time.monotonic`.
    """

    def __init__(self, until: float) -> None:
        self._until = until
        self._hung_up = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(self.left, self._hang_up)
        self._timer.daemon = True

    @property
    def left(self) -> float:
        """Seconds, above zero."""
        return max(0.1, self._until - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time is over; what was read is then cut off."""
        return self._hung_up or time.monotonic() > self._until

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()

    def watch(self, connected: socket.socket) -> None:
        """Hang up this one."""
        self._socket = connected
        if self._hung_up:
            self._hang_up()

    def _hang_up(self) -> None:
        self._hung_up = True
        if self._socket is not None:
            with suppress(OSError):  # it is closed already
                # As of any socket: that of TLS would first forget its encryption.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _PlainConnection(HTTPConnection):
    """A connection that is hung up in time."""

    def __init__(self, *args: Any, deadline: Deadline, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self._deadline = deadline

    def connect(self) -> None:
        """Connect, under watch."""
        super().connect()
        self._deadline.watch(self.sock)


class _TlsConnection(_PlainConnection, HTTPSConnection):
    """The same with TLS; what the one above calls is then that of `HTTPSConnection`."""


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def pool_of(
    scheme: str, host: str, ip: str, port: int, *, deadline: Deadline
) -> urllib3.HTTPConnectionPool:
    """Connections to one address, which must have the certificate of the name.

    Args:
        scheme: `http` or `https`.
        host: The name.
        ip: The address.
        port: There.
        deadline: For all that is done.
    """
    timeout = urllib3.Timeout(connect=deadline.left, read=deadline.left)
    if scheme == "http":
        return _PlainPool(ip, port, timeout=timeout, deadline=deadline)
    return _TlsPool(
        ip,
        port,
        timeout=timeout,
        cert_reqs="CERT_REQUIRED",
        server_hostname=host,
        assert_hostname=host,
        deadline=deadline,
    )
