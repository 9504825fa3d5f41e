"""Secrets, and the addresses that they may be sent to. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from xlrec_es.errors import ConfigError


class InsecureConnectionWarning(UserWarning):
    """What is sent, secrets too, can be read by others."""


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own, which no other can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_address(url: str, *, whose: str) -> None:
    """Refuse what is no http or https address, or has a secret in it.

    Args:
        url: The address.
        whose: For the message, such as "the encoder's".

    Raises:
        ConfigError: It is refused; a secret is not shown.
    """
    if "@" in url or "?" in url:
        raise ConfigError(
            f"{whose} address has a user name, a password or a parameter in it, where logs would "
            "show it; give the address alone"
        )
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # raises if it is no number
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError(f"{whose} address {url!r} must begin with http:// or https://")


def goes_in_the_open(url: str) -> bool:
    """Whether what is sent to an address can be read on its way there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def parse_token(token: str | None) -> str | None:
    """A bearer token without spaces around it; one that is empty is none.

    Raises:
        ConfigError: It has characters that a header cannot carry; it is not shown.
    """
    token = (token or "").strip()
    if not all("!" <= character <= "~" for character in token):
        raise ConfigError("the encoder's token must be of letters, digits and signs of ASCII alone")
    return token or None
