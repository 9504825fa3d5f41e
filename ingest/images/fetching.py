"""From what a field holds to the bytes of a picture: a path, an address, or the picture itself."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
import socket
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, unquote_to_bytes, urljoin, urlsplit

from ingest.documents.inline_pictures import DATA, is_inline
from ingest.images.decoding import MAX_BYTES, BadPicture
from ingest.images.options import ImageOptions
from ingest.images.timed_connection import Deadline, pool_of
from xlrec_es import __version__
from xlrec_es.errors import MissingExtra

try:
    import urllib3
    from urllib3.exceptions import HTTPError, NewConnectionError
except ImportError as error:
    raise MissingExtra.named("images", "Fetching pictures") from error

TIMEOUT_S = 20.0
"""For one picture, redirects included."""

MAX_REDIRECTS = 5

_UNREADABLE = (OSError, ValueError, RuntimeError)
"""Raised for paths: no such file, NUL in a name, a loop of links."""

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
_CHUNK = 64 * 1024
_UNICAST = ipaddress.ip_network("2000::/3")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as networks of IPv6 alone write them (RFC 6052)."""


class Fetcher:
    """Gets the bytes of pictures; several threads may use it at once.

    Args:
        options: Where pictures may be.
    """

    def __init__(self, options: ImageOptions) -> None:
        self._root = None if options.root is None else options.root.resolve()
        self._hosts = frozenset(options.hosts)

    def state(self, value: str) -> str:
        """What stands for the picture: another, if it has changed.

        Of a file its size and time of change count, and of an address the address alone: what it
        gives is not asked for again until the record names another.
        """
        parts = [value.strip()]
        if not (is_inline(value) or _ADDRESS.match(parts[0])):
            try:
                found = self._path(parts[0]).stat()
                parts += [str(found.st_size), str(found.st_mtime_ns)]
            except (BadPicture, *_UNREADABLE):
                parts.append("missing")
        raw = "\0".join(parts).encode(errors="surrogatepass")
        return hashlib.blake2b(raw, digest_size=16).hexdigest()

    def fetch(self, value: str) -> bytes:
        """The bytes, at most one more than `MAX_BYTES`.

        Args:
            value: Of the field.

        Raises:
            BadPicture: There is none, or none that may be had.
        """
        text = value.strip()
        if _ADDRESS.match(text):
            return self._from_address(text)
        if DATA.match(text):
            return _from_data_url(text)
        if is_inline(text):
            return _from_base64(text)
        return self._from_file(text)

    def _path(self, text: str) -> Path:
        if self._root is None:
            raise BadPicture(
                f"{_short(text)} is a path, and paths are read below --image-root alone; name that "
                "folder"
            )
        path = (self._root / text).resolve()
        if not path.is_relative_to(self._root):
            raise BadPicture(f"the path {_short(text)} leads out of --image-root")
        return path

    def _from_file(self, text: str) -> bytes:
        try:
            path = self._path(text)
            if not path.is_file():  # a pipe would let it wait for ever
                raise BadPicture(f"there is no file {_short(text)} below --image-root")
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except _UNREADABLE as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadPicture(f"the file {_short(text)} cannot be read: {reason}") from error

    def _from_address(self, address: str) -> bytes:
        until = time.monotonic() + TIMEOUT_S
        for _ in range(MAX_REDIRECTS + 1):
            found = self._once(address, until)
            if isinstance(found, bytes):
                return found
            address = found
        raise BadPicture(f"{_short(address)} is the end of more than {MAX_REDIRECTS} redirects")

    def _once(self, address: str, until: float) -> bytes | str:
        """The bytes behind an address, or the address that it redirects to."""
        with Deadline(until) as deadline:
            try:
                parts = urlsplit(address)
                found = _ask(parts, *self._allowed(parts), deadline=deadline)
            except (HTTPError, OSError, ValueError, UnicodeError) as error:
                _check_time(deadline, address)
                reason = str(error).partition("\n")[0] or type(error).__name__
                raise BadPicture(f"{_short(address)} cannot be had: {reason}") from error
            _check_time(deadline, address)
            return found

    def _allowed(self, parts: SplitResult) -> tuple[list[str], int]:
        """The addresses that a host has, and the port, if all of them may be asked.

        What is connected to is one of these very addresses, so that a name cannot stand for another
        a moment later.
        """
        if parts.scheme.lower() not in _PORTS or not parts.hostname:
            raise BadPicture(f"{_short(parts.geturl())} is no http or https address")
        if parts.username is not None:
            raise BadPicture("its address has a user name in it; leave that out")
        usual = _PORTS[parts.scheme.lower()]
        port = usual if parts.port is None else parts.port
        if not self._lists(parts.hostname, port, usual):
            told = parts.hostname if port == usual else f"{parts.hostname}:{port}"
            raise BadPicture(f"pictures of {told} are not fetched; allow it with --image-host")
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        for one in addresses:
            if not _is_public(one) and not self._lists(one, port, usual):
                told = one if port == usual else f"{one}:{port}"
                raise BadPicture(
                    f"{parts.hostname} is {one}, an address of a private network; if that is "
                    f"meant, allow it, too: --image-host {told}"
                )
        return [*dict.fromkeys(addresses)], port

    def _lists(self, host: str, port: int, usual: int) -> bool:
        named = f"[{host}]" if ":" in host else host
        names = {f"{named}:{port}", *([named, host] if port == usual else [])}
        return not self._hosts.isdisjoint(name.lower() for name in names)


def _is_public(address: str) -> bool:
    """Whether an address is one of the internet, and no IPv4 address of another network inside."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped
        if ip in _TRANSLATED:
            inner = ipaddress.IPv4Address(ip.packed[-4:])
        if inner is None:
            tunneled = ip.sixtofour is not None or ip.teredo is not None
            return ip in _UNICAST and ip.is_global and not tunneled
        ip = inner
    return ip.is_global and not ip.is_multicast


def _ask(parts: SplitResult, addresses: list[str], port: int, *, deadline: Deadline) -> bytes | str:
    """What the first of a host's addresses gives that takes a connection.

    Args:
        parts: Of what is asked for.
        addresses: Of its host.
        port: Of each.
        deadline: For all of them.
    """
    *others, last = addresses
    for one in others:  # such as that of IPv6, on a machine that has no way there
        with suppress(NewConnectionError):
            return _ask_one(parts, one, port, deadline)
    return _ask_one(parts, last, port, deadline)


def _ask_one(parts: SplitResult, ip: str, port: int, deadline: Deadline) -> bytes | str:
    host = (parts.hostname or "").encode("idna").decode("ascii")
    named = f"[{host}]" if ":" in host else host
    is_usual = port == _PORTS[parts.scheme.lower()]
    with pool_of(parts.scheme.lower(), host, ip, port, deadline=deadline) as pool:
        answer = pool.request(
            "GET",
            f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}",
            headers={
                "Host": named if is_usual else f"{named}:{port}",
                "User-Agent": f"xlrec-es/{__version__}",
                "Accept": "image/*",
            },
            redirect=False,
            retries=False,
            preload_content=False,
        )
        try:
            return _content(answer, parts.geturl(), deadline)
        finally:
            answer.close()


def _content(answer: urllib3.BaseHTTPResponse, address: str, deadline: Deadline) -> bytes | str:
    if answer.status in (301, 302, 303, 307, 308) and (place := answer.headers.get("Location")):
        return urljoin(address, place)
    if answer.status != 200:
        raise BadPicture(f"{_short(address)} answers with status {answer.status}")
    content = bytearray()
    # Not by `stream`, which waits for a whole chunk from a server that sends a byte now and then.
    while chunk := answer.read1(_CHUNK, decode_content=False):
        content += chunk
        if len(content) > MAX_BYTES:
            break  # told by what decodes it
        _check_time(deadline, address)
    return bytes(content)


def _check_time(deadline: Deadline, address: str) -> None:
    if deadline.passed:
        raise BadPicture(f"{_short(address)} takes more than {TIMEOUT_S:.0f} seconds")


def _from_data_url(text: str) -> bytes:
    head, comma, content = text.partition(",")
    if not comma:
        raise BadPicture("its data: address has no comma, so no content")
    if head.lower().endswith(";base64"):
        return _from_base64(content)
    _check_length(content)
    return unquote_to_bytes(content)


def _from_base64(text: str) -> bytes:
    _check_length(text)
    compact = "".join(text.split())
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPicture(f"its Base64 is damaged: {error}") from error


def _check_length(text: str) -> None:
    if len(text) > 2 * MAX_BYTES:
        raise BadPicture(f"it has more than {MAX_BYTES // 2**20} MiB; make it smaller")


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}..."
