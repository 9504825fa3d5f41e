"""Ask a service over HTTP: within a time and a size, and again where it is busy."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson

from xlrec_es.credentials import (
    InsecureConnectionWarning,
    check_address,
    goes_in_the_open,
    parse_token,
)
from xlrec_es.errors import EncoderError

BUSY = (429, 502, 503, 504)
"""Statuses of a service that may answer a little later."""

_REDIRECTS = (301, 302, 303, 307, 308)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Makes a redirect an error: it would send the token to the address in it."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - the base's
        """Send nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Asking:
    """How an encoder's service is asked.

    Attributes:
        token: What the service must be told; None: nothing.
        scheme: Of the header `Authorization`.
        timeout_s: Seconds that one request may take.
        retry_s: Seconds within which a service that is busy, or away, is asked again.
        advice: What to do where nothing answers.
    """

    token: str | None = field(default=None, repr=False)
    scheme: str = "Bearer"
    timeout_s: float = 10.0
    retry_s: float = 0.0
    advice: str = "start one with: xlrec-ingest serve"


class Endpoint:
    """An encoder's address."""

    def __init__(self, url: str, asking: Asking) -> None:
        """Look at the address; nothing is asked.

        Raises:
            ConfigError: Not an http or https address, or no header can carry the token.
        """
        check_address(url, whose="the encoder's")
        self.url = url.rstrip("/")
        self._asking = asking
        self._token = parse_token(asking.token)
        self._opener = urllib.request.build_opener(NoRedirects)
        if self._token is not None and goes_in_the_open(url):
            warnings.warn(
                f"the encoder's token goes to {self.url} in the open: anyone in between can "
                "read it. Put the encoder behind a proxy that speaks https",
                InsecureConnectionWarning,
                stacklevel=3,
            )

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, *, max_bytes: int
    ) -> dict[str, Any]:
        """Ask, and read the answer.

        Args:
            path: Behind the address.
            body: Sent as JSON; None asks without one.
            max_bytes: Largest answer that is read.

        Raises:
            EncoderError: It does not answer, or refuses (then `__cause__` is the `HTTPError`), or
                its answer is no JSON object.
        """
        give_up = time.monotonic() + self._asking.retry_s
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                return self._ask_once(path, body, max_bytes)
            except EncoderError as error:
                told_s = _wait_s(error.__cause__, wait_s)
                if told_s is None or time.monotonic() + told_s > give_up:
                    raise
            time.sleep(told_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _ask_once(
        self, path: str, body: Mapping[str, Any] | None, max_bytes: int
    ) -> dict[str, Any]:
        request = urllib.request.Request(
            self.url + path, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Content-Type", "application/json")
        if self._token is not None:
            request.add_header("Authorization", f"{self._asking.scheme} {self._token}")
        deadline = time.monotonic() + self._asking.timeout_s
        try:
            with self._opener.open(request, timeout=self._asking.timeout_s) as response:
                answer = orjson.loads(read_within(response, max_bytes, deadline))
        except urllib.error.HTTPError as error:
            raise EncoderError(f"the encoder at {self.url} {self._reason(error)}") from error
        except orjson.JSONDecodeError as error:
            raise self.not_understood() from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise EncoderError(
                f"no encoder at {self.url} ({error}); {self._asking.advice}"
            ) from error
        if not isinstance(answer, dict):
            raise self.not_understood()
        return answer

    def not_understood(self, what: str = "") -> EncoderError:
        """The error of an answer that no encoder of this kind gives.

        Args:
            what: What is wrong with it.
        """
        return EncoderError(
            f"what answers at {self.url} is no encoder, or one of another version"
            f"{what and f' ({what})'}; give the address that xlrec-ingest serve prints, or that of "
            "an OpenAI-compatible service with its /v1"
        )

    def _reason(self, error: urllib.error.HTTPError) -> str:
        """What a service says that does not answer with 200; never the token."""
        with error:
            if error.code in _REDIRECTS:
                return "sends elsewhere; give the address that it stands for itself"
            try:
                said = error.read(4000).decode(errors="replace")
            except (OSError, http.client.HTTPException):
                said = ""
        said = _sentence(said) or str(error.code)
        return f"refused: {said.replace(self._token, '***') if self._token else said}"


def _sentence(said: str) -> str:
    """The sentence in an answer: a problem's detail (RFC 9457), or an error as OpenAI tells it."""
    with contextlib.suppress(ValueError):
        told = json.loads(said)
        if isinstance(told, dict):
            error = told.get("error")
            if isinstance(error, dict):  # Elasticsearch has a reason
                error = error.get("message") or error.get("reason")
            for sentence in (told.get("detail"), error, told.get("message")):
                if isinstance(sentence, str) and sentence:
                    return sentence
    return said[:1000]


def _wait_s(error: BaseException | None, otherwise: float) -> float | None:
    """Seconds until it is of use to ask again; None if it is of none."""
    if isinstance(error, urllib.error.HTTPError):
        if error.code not in BUSY:
            return None
        told = _retry_after(error.headers.get("Retry-After", ""))
        return otherwise if told is None else told
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return otherwise if isinstance(reason, ConnectionError) else None


def _retry_after(header: str) -> float | None:
    """Seconds that the header says, as a number or as a date."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(header))
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    return None


def read_within(response: BinaryIO, max_bytes: int, deadline: float) -> bytes:
    """The whole answer.

    Args:
        response: Of a request.
        max_bytes: Most that it may have.
        deadline: When it must be here, in seconds of the monotonic clock.

    Raises:
        ValueError: It is longer.
        TimeoutError: It takes longer.
    """
    parts, size = [], 0
    while part := response.read1(64 * 1024):  # type: ignore[attr-defined] # as it comes
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise ValueError(f"its answer is longer than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("its answer takes too long")
    return b"".join(parts)
