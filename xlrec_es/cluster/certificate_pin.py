"""TLS that trusts one certificate authority, of which only the fingerprint is known."""

from __future__ import annotations

import hashlib
import socket
import ssl
import sys
import threading
from typing import Any

from xlrec_es.errors import ConfigError

_HEX_DIGITS = 64  # of SHA-256


def parse_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint in lower case, without the colons that `openssl` prints.

    Raises:
        ConfigError: It is no such fingerprint.
    """
    digits = text.replace(":", "").strip().lower()
    if len(digits) != _HEX_DIGITS or set(digits) - set("0123456789abcdef"):
        raise ConfigError(
            f"{text!r} is no SHA-256 fingerprint of {_HEX_DIGITS} hexadecimal digits; print one "
            "with: openssl x509 -fingerprint -sha256 -noout -in http_ca.crt"
        )
    return digits


class PinnedContext(ssl.SSLContext):
    """Verifies servers by the one certificate that has a fingerprint, and by no other.

    A fingerprint verifies no signature: anybody may send the authority's certificate, which is
    public, behind one of their own. So the first connection fetches what the server sends, takes
    the certificate with the fingerprint out of it, and is closed without a word; from then on that
    certificate is the authority of an ordinary verification, the host's name included.
    """

    _lock: threading.Lock
    _fingerprint: str
    _is_loaded: bool

    @classmethod
    def for_fingerprint(cls, fingerprint: str) -> PinnedContext:
        """A context that fetches nothing before it is used.

        Args:
            fingerprint: As `parse_fingerprint` returns it.
        """
        context = cls(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificates and names
        # Whoever pins the certificate of an intermediate authority or of the server means that.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context._lock = threading.Lock()
        context._fingerprint = fingerprint
        context._is_loaded = False
        return context

    def load_verify_locations(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - the base's
        """Load nothing: the client would add the public authorities, which are not meant."""

    def wrap_socket(self, sock: socket.socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:  # noqa: ANN401
        """Shake hands, by the authority that is fetched if it is not known yet.

        Raises:
            ssl.SSLError: The server does not send the authority, or is not verified by it.
        """
        with self._lock:
            if not self._is_loaded:
                authority = self._fetch(sock, kwargs.get("server_hostname"))
                super().load_verify_locations(cadata=authority)
                self._is_loaded = True
        return super().wrap_socket(sock, *args, **kwargs)

    def _fetch(self, sock: socket.socket, name: str | None) -> bytes:
        """The certificate with the fingerprint (DER), from where a socket is connected to."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.socket(sock.family) as plain:
            plain.settimeout(sock.gettimeout())
            plain.connect(sock.getpeername())
            with context.wrap_socket(plain, server_hostname=name) as secured:
                chain = _sent_chain(secured)
        for certificate in chain:
            if hashlib.sha256(certificate).hexdigest() == self._fingerprint:
                return certificate
        raise ssl.SSLError(
            f"none of the {len(chain)} certificates that the server sends has the fingerprint "
            f"{self._fingerprint}: it is another server, or one that does not send its authority, "
            "for which --ca-certs is needed in place of --ca-fingerprint"
        )


def _sent_chain(secured: ssl.SSLSocket) -> list[bytes]:
    """The certificates that a server sent (DER), its own first."""
    if sys.version_info >= (3, 13):
        return secured.get_unverified_chain()
    # Python 3.10 to 3.12 have it under the cover alone (bpo-18233).
    found = secured._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in found or ()]
