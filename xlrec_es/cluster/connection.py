"""The one place where an Elasticsearch client is made."""

from __future__ import annotations

import base64
import ssl
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlrec_es.cluster.certificate_pin import PinnedContext, parse_fingerprint
from xlrec_es.credentials import InsecureConnectionWarning, goes_in_the_open
from xlrec_es.errors import ConfigError

if TYPE_CHECKING:  # half a second, which `--help` and mistakes in options do not need
    from elasticsearch import AsyncElasticsearch, Elasticsearch

INSECURE = (
    "the cluster's certificate is not checked: anyone in between can read and change "
    "everything, the credentials too. Give --ca-certs (XLREC_CA_CERTS) in place of --insecure"
)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the cluster is and who is asking.

    Attributes:
        url: Scheme, host and port.
        api_key: Encoded API key; excludes username and password.
        username: For basic authentication, with `password`.
        password: For basic authentication.
        ca_certs: Path of the certificate authority's certificate (PEM).
        ca_fingerprint: SHA-256 of the certificate authority, hexadecimal, in place of `ca_certs`.
        timeout_s: Seconds that one request may take.
        insecure: Do not check the cluster's certificate, which is for trials alone.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_certs: str | None = None
    ca_fingerprint: str | None = None
    timeout_s: float = 30.0
    insecure: bool = False

    def as_environment(self) -> dict[str, str]:
        """The `XLREC_*` variables that make another process of ours connect alike."""
        values = {
            "XLREC_URL": self.url,
            "XLREC_API_KEY": self.api_key,
            "XLREC_USERNAME": self.username,
            "XLREC_PASSWORD": self.password,
            "XLREC_CA_CERTS": self.ca_certs,
            "XLREC_CA_FINGERPRINT": self.ca_fingerprint,
            "XLREC_TIMEOUT": str(self.timeout_s),
            "XLREC_INSECURE": "1" if self.insecure else None,
        }
        return {name: value for name, value in values.items() if value is not None}


def connect(connection: Connection, *, max_retries: int = 2) -> Elasticsearch:
    """Make a client. Nothing is sent yet.

    Args:
        connection: Where and who.
        max_retries: Repeats of a request after a connection error, 429, 502, 503 or 504; 0 for
            callers that repeat requests themselves.

    Raises:
        ConfigError: The options contradict each other, or the client refuses them.
    """
    from elasticsearch import Elasticsearch

    options = _client_options(connection, max_retries)
    try:
        return Elasticsearch(connection.url, **options)
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(f"cannot connect to {connection.url!r}: {error}") from error


def connect_async(connection: Connection, *, max_retries: int = 2) -> AsyncElasticsearch:
    """`connect` for asyncio; needs aiohttp.

    Args:
        connection: As there.
        max_retries: As there.

    Raises:
        ConfigError: As there.
    """
    from elasticsearch import AsyncElasticsearch

    options = _client_options(connection, max_retries)
    try:
        return AsyncElasticsearch(connection.url, **options)
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(f"cannot connect to {connection.url!r}: {error}") from error


def authorization(connection: Connection) -> str | None:
    """The header `Authorization` of requests; None: they go without credentials."""
    if connection.api_key:
        return f"ApiKey {connection.api_key}"
    if connection.username and connection.password:
        credentials = f"{connection.username}:{connection.password}".encode()
        return "Basic " + base64.b64encode(credentials).decode()
    return None


def tls_context(connection: Connection) -> ssl.SSLContext:
    """How a server is trusted that is asked without Elasticsearch's client.

    Raises:
        ConfigError: The certificate authority cannot be read, or its fingerprint is none.
    """
    if connection.ca_fingerprint:
        return PinnedContext.for_fingerprint(parse_fingerprint(connection.ca_fingerprint))
    try:
        context = ssl.create_default_context(cafile=connection.ca_certs)
    except OSError as error:
        raise ConfigError(
            f"{connection.ca_certs} is no file of certificates (PEM): {error}"
        ) from error
    if connection.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _client_options(connection: Connection, max_retries: int) -> dict[str, Any]:
    """What both clients are made with.

    Raises:
        ConfigError: The options contradict each other.
    """
    check(connection)
    from xlrec_es.cluster.serializer import Serializer

    c = connection
    options: dict[str, Any] = {
        "request_timeout": c.timeout_s,
        "max_retries": max_retries,
        "retry_on_timeout": False,
        "serializer": Serializer(),
    }
    if c.api_key:
        options["api_key"] = c.api_key
    if c.username and c.password:
        # Not `basic_auth`: the client cannot encode letters outside of ASCII.
        options["headers"] = {"authorization": authorization(c)}
    if c.ca_certs:
        options["ca_certs"] = c.ca_certs
    if c.ca_fingerprint:
        # Not `ssl_assert_fingerprint`: with that, the client verifies no signature.
        options["ssl_context"] = PinnedContext.for_fingerprint(parse_fingerprint(c.ca_fingerprint))
    if c.insecure and c.url.startswith("https:"):
        # The client's own warning would come once for every request.
        options |= {"verify_certs": False, "ssl_show_warn": False}
        warnings.warn(INSECURE, InsecureConnectionWarning, stacklevel=2)
    if (c.api_key or c.password) and goes_in_the_open(c.url):
        warnings.warn(
            f"the credentials go to {c.url} in the open: anyone in between can read them. "
            "Use an address with https://",
            InsecureConnectionWarning,
            stacklevel=2,
        )
    return options


def _check_secrets(connection: Connection) -> None:
    """Refuse what would show a secret in a later message, without showing it here."""
    if "@" in connection.url:
        raise ConfigError(
            "the address has a user name or a password in it, where logs would show it; give "
            "--username and --password (XLREC_USERNAME, XLREC_PASSWORD)"
        )
    key = connection.api_key
    for name, secret in (("API key", key), ("user name", connection.username)):
        if secret is not None and not secret.strip():
            raise ConfigError(f"the {name} is empty; give one, or leave it out")
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(
            "the API key has characters that no key has, such as spaces or line ends; "
            "give what Elasticsearch calls `encoded`"
        )


def check(connection: Connection) -> None:
    """Refuse a connection that no request could be sent by.

    Raises:
        ConfigError: Its options contradict each other, or a secret would be shown or is none.
    """
    c = connection
    _check_secrets(c)
    if c.insecure and (c.ca_certs or c.ca_fingerprint):
        raise ConfigError("a certificate authority and insecure contradict each other; give one")
    if c.ca_certs and c.ca_fingerprint:
        raise ConfigError("give the certificate authority or its fingerprint, not both")
    if c.api_key and (c.username or c.password):
        raise ConfigError("give an API key or a user name and password, not both")
    if bool(c.username) != bool(c.password):
        raise ConfigError("basic authentication needs both a user name and a password")
    if c.ca_certs and not Path(c.ca_certs).is_file():
        raise ConfigError(f"there is no certificate file {c.ca_certs}")
