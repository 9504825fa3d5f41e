"""Who may ask: tokens with scopes, and pages of browsers.

Without tokens only this machine can reach the service, but so can every page that a browser of this
machine shows: by a name that was made to mean this machine (DNS rebinding), or by a form. So the
name that was asked for (`Host`) and the page that asks (`Origin`) are checked, too.
"""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from xlrec_es.credentials import is_loopback, parse_token
from xlrec_es.errors import ConfigError
from xlrec_es.service.web.problems import problem

READ = "read"
EVENTS = "events"
ADMIN = "admin"
SCOPES = (READ, EVENTS, ADMIN)
UNSAID = (READ, EVENTS)
"""Scopes of a token of a file that names none: what changes lists for all users must be named."""

LEAST_TOKEN = 16
"""Characters that a token has at least."""

_NAMES = 64
"""Names that callers ask by, of which is remembered what they mean."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a caller must know.

    Attributes:
        name: Of the caller, for logs.
        digest: SHA-256 of the token.
        scopes: What it allows, of `SCOPES`.
    """

    name: str
    digest: bytes
    scopes: frozenset[str]

    @classmethod
    def of(cls, name: str, token: str, scopes: Collection[str] = SCOPES) -> Token:
        """A token in plain.

        Raises:
            ConfigError: It is short, or no header can carry it; it is not shown.
        """
        plain = parse_token(token) or ""
        if len(plain) < LEAST_TOKEN:
            raise ConfigError(
                f"the token {name!r} is shorter than {LEAST_TOKEN} characters; make one with: "
                "openssl rand -hex 32"
            )
        return cls(name, hashlib.sha256(plain.encode()).digest(), _scopes(name, scopes))


def _scopes(name: str, scopes: Collection[str]) -> frozenset[str]:
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ConfigError(f"the scopes of the token {name!r} must be of {', '.join(SCOPES)}")
    return frozenset(scopes)


def read_tokens(path: Path) -> tuple[Token, ...]:
    """The tokens of a TOML file: tables `[[token]]` with `name`, `scopes`, and `token` or `sha256`.

    Raises:
        ConfigError: It cannot be read, or says something else.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("token", [])
        tokens = tuple(map(_token_of, tables))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"cannot read {path}: {error}; write [[token]] tables with name, scopes, and token or "
            "sha256"
        ) from error
    if not tokens:
        raise ConfigError(f"{path} has no [[token]] table")
    if len({token.name for token in tokens}) < len(tokens):
        raise ConfigError(f"{path} has two tokens of one name")
    return tokens


def _token_of(table: Mapping[str, object]) -> Token:
    unknown = set(table) - {"name", "scopes", "token", "sha256"}
    if unknown:
        raise ConfigError(f"a token has no {sorted(unknown)[0]!r}")
    name, scopes = str(table["name"]), table.get("scopes", UNSAID)
    if not isinstance(scopes, list | tuple):
        raise ConfigError(f"the scopes of the token {name!r} must be a list")
    if "sha256" not in table:
        return Token.of(name, str(table["token"]), scopes)
    digest = bytes.fromhex(str(table["sha256"]))
    if len(digest) != hashlib.sha256().digest_size:
        raise ConfigError(f"the sha256 of the token {name!r} must be 64 hexadecimal digits")
    return Token(name, digest, _scopes(name, scopes))


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Who may ask.

    Attributes:
        host: Address that the service listens on.
        tokens: One of them is needed; none: everybody on this machine may ask.
        hosts: Names that it may be asked by; none: any with tokens, else those of this machine.
        origins: Pages that may ask, as `https://shop.example`; its own may always.
        scopes: What a path needs, by its beginning; a path that none begins is open.
        given_by: How a person gives a token.
    """

    host: str
    tokens: tuple[Token, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    scopes: Mapping[str, str] = field(default_factory=dict)
    given_by: str = "XLREC_API_TOKEN or --tokens-file"

    def __post_init__(self) -> None:
        if not self.tokens and not is_loopback(self.host):
            raise ConfigError(
                f"{self.host} can be reached by others: give a token ({self.given_by}), or listen "
                "on 127.0.0.1"
            )

    def serves(self, host: str) -> bool:
        """Whether the service may be asked by a name, as the header `Host` has it."""
        name = _name_in(host)
        if self.hosts:
            return name in self.hosts
        return bool(name) and (bool(self.tokens) or _is_here(name))

    def lets_in(self, origin: str, host: str) -> bool:
        """Whether a page may ask.

        Args:
            origin: The header `Origin`.
            host: The header `Host`.
        """
        return origin in self.origins or origin in (f"http://{host}", f"https://{host}")

    def needed(self, path: str) -> str | None:
        """The scope that a path needs."""
        found = [one for one in self.scopes if path == one or path.startswith(f"{one}/")]
        return self.scopes[max(found, key=len)] if found else None

    def token(self, authorization: str) -> Token | None:
        """The token that a header `Authorization` carries."""
        kind, _, plain = authorization.partition(" ")
        if kind.lower() != "bearer":
            return None
        digest = hashlib.sha256(plain.strip().encode()).digest()
        # All are compared, so that the time says nothing of which is nearly right.
        equal = [token for token in self.tokens if hmac.compare_digest(token.digest, digest)]
        return equal[0] if equal else None


@lru_cache(_NAMES)
def _name_in(host: str) -> str:
    """The name or address in a header `Host`; empty if there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


@lru_cache(_NAMES)
def _is_here(name: str) -> bool:
    """Whether a name is one of this machine's own."""
    return is_loopback(name)


class Access:
    """ASGI middleware that refuses who may not ask; `scope["state"]["caller"]` is who asks."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            answer = problem(*refusal)
            if refusal[0] is HTTPStatus.BAD_REQUEST:  # where its body ends is in doubt
                answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[HTTPStatus, str] | None:
        rules, hosts = self._rules, headers.getlist("host")
        if "transfer-encoding" in headers and "content-length" in headers:
            # RFC 9112, 6.3: a proxy that goes by the other one sees another request in its body.
            return HTTPStatus.BAD_REQUEST, "a request has Content-Length or Transfer-Encoding"
        if len(hosts) != 1 or not rules.serves(hosts[0]):
            return HTTPStatus.MISDIRECTED_REQUEST, (
                "this service is not asked by that name; allow it with --allowed-host"
            )
        origins: Sequence[str] = headers.getlist("origin")
        if not all(rules.lets_in(origin, hosts[0]) for origin in origins):
            return HTTPStatus.FORBIDDEN, (
                "pages from there may not ask; allow them with --allowed-origin"
            )
        needed = rules.needed(scope["path"])
        if needed is None or not rules.tokens or scope["method"] == "OPTIONS":
            return None
        token = rules.token(headers.get("authorization", ""))
        if token is None:
            if "authorization" in headers:
                return HTTPStatus.UNAUTHORIZED, "this service knows no such token"
            return HTTPStatus.UNAUTHORIZED, (
                "a token is needed: send the header Authorization: Bearer TOKEN"
            )
        scope.setdefault("state", {})["caller"] = token.name
        if needed not in token.scopes:
            return HTTPStatus.FORBIDDEN, f"this token lacks the scope {needed!r}"
        return None
