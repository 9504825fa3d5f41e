"""A Kibana, asked over HTTP. What it answers in place of what is wanted becomes one sentence."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from xlrec_es.cluster.connection import Connection, authorization, check, tls_context
from xlrec_es.credentials import InsecureConnectionWarning, check_address, goes_in_the_open
from xlrec_es.errors import ConfigError, KibanaError
from xlrec_es.vectors.endpoint import NoRedirects, read_within

DEFAULT_SPACE = "default"
"""The space that every Kibana has, whose address has no `/s/`."""

_MAX_BYTES = 64 * 1024 * 1024  # of an answer: an export repeats what may be imported, 25 MiB
_SPACE = re.compile(r"[a-z0-9_-]+")
_INSIDE = re.compile(r"/(s|app|api)(/|$)")
_LONGEST = 300  # of what a server says for itself


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered.

    Attributes:
        status: Of HTTP.
        headers: By their names, whose letters may be of either case.
        content: The body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever it holds
        """The body, if it is JSON; None: it is none."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None

    @property
    def said(self) -> str:
        """What it says in words."""
        told = self.json
        message = told.get("message") if isinstance(told, dict) else None
        text = message if isinstance(message, str) else self.content.decode(errors="replace")
        return " ".join(text.split())[:_LONGEST] or str(self.status)


class Kibana:
    """A Kibana, and the space of it that is meant.

    Attributes:
        url: Its address, with the path that it is served under.
        space: Identifier of the space.
    """

    def __init__(self, connection: Connection, *, space: str = DEFAULT_SPACE) -> None:
        """Look at the address; nothing is asked.

        Args:
            connection: Where Kibana is, and who is asking: Kibana knows those whom its
                Elasticsearch knows.
            space: Identifier of the space.

        Raises:
            ConfigError: The connection's options contradict each other, or this is no address of
                a Kibana, or no identifier of a space.
        """
        check_address(connection.url, whose="Kibana's")
        check(connection)
        if _INSIDE.search(urlsplit(connection.url).path):
            raise ConfigError(
                f"{connection.url!r} leads to a page of Kibana; leave out the path from /s or /app "
                "on, and name the space with --space"
            )
        if not _SPACE.fullmatch(space):
            raise ConfigError(
                f"{space!r} is no identifier of a space: those are of small letters, digits, _ and "
                "-, as the space's address has it behind /s/"
            )
        self.url = connection.url.rstrip("/")
        self.space = space
        self._timeout_s = connection.timeout_s
        self._authorization = authorization(connection)
        self._opener = urllib.request.build_opener(
            NoRedirects, urllib.request.HTTPSHandler(context=tls_context(connection))
        )
        self._warn(connection)

    def address(self, path: str) -> str:
        """The address of a path in the space."""
        inside = "" if self.space == DEFAULT_SPACE else f"/s/{self.space}"
        return f"{self.url}{inside}{path}"

    def find_space(self) -> str:
        """The name that the space is shown by.

        An import does not look whether there is such a space: for an administrator, Kibana would
        write into one that nobody can open.

        Raises:
            KibanaError: There is no such space, or no Kibana; or it refuses.
        """
        told = self.ask("GET", f"/api/spaces/space/{self.space}").json
        if not isinstance(told, dict) or told.get("id") != self.space:
            raise self.not_understood()
        return str(told.get("name") or self.space)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content_type: str = "application/json",
        accepts: tuple[int, ...] = (200,),
    ) -> Answer:
        """Send one request into the space.

        Args:
            method: Of HTTP.
            path: Of the API.
            body: What is sent.
            content_type: Of the body.
            accepts: Statuses of answers that the caller understands.

        Raises:
            KibanaError: It does not answer (then there is no `status`), or answers otherwise.
        """
        request = urllib.request.Request(self.address(path), data=body, method=method)
        request.add_header("kbn-xsrf", "xlrec-es")  # without one, Kibana changes nothing
        if body is not None:
            request.add_header("Content-Type", content_type)
        if self._authorization is not None:
            request.add_header("Authorization", self._authorization)
        try:
            answer = self._answered(request)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise KibanaError(self._unreachable(error)) from error
        if answer.status not in accepts or "x-elastic-product" in answer.headers:
            raise self._refused(answer)
        return answer

    def not_understood(self) -> KibanaError:
        """The error of an answer that no Kibana gives."""
        return KibanaError(
            f"what answers at {self.url} is no Kibana; give the address that a browser opens it "
            "at, with the path that it is served under (server.basePath)"
        )

    def _answered(self, request: urllib.request.Request) -> Answer:
        deadline = time.monotonic() + self._timeout_s
        try:
            response = self._opener.open(request, timeout=self._timeout_s)
        except urllib.error.HTTPError as refused:
            response = refused
        with response:
            content = read_within(response, _MAX_BYTES, deadline)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, content)

    def _unreachable(self, error: Exception) -> str:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return (
                f"the certificate of {self.url} is not trusted ({reason.verify_message}); give the "
                "file of its authority as --kibana-ca-certs (XLREC_KIBANA_CA_CERTS)"
            )
        if isinstance(reason, ssl.SSLError):
            told = getattr(reason, "reason", None)
            if told is None:  # it is of the pinned certificate, and says what to do
                return f"the certificate of {self.url} is not trusted: {reason}"
            return (
                f"{self.url} cannot be spoken to by TLS ({told}); if Kibana "
                "speaks none, begin its address with http://"
            )
        if isinstance(reason, TimeoutError):
            return (
                f"Kibana at {self.url} does not answer within {self._timeout_s:g} seconds; give it "
                "more with --timeout"
            )
        hung_up = isinstance(reason, (ConnectionResetError, http.client.HTTPException))
        if hung_up and self.url.startswith("http:"):
            return (
                f"what listens at {self.url} does not answer by HTTP; if Kibana speaks TLS, begin "
                "its address with https://"
            )
        return (
            f"no Kibana answers at {self.url} ({reason}); check --kibana-url (XLREC_KIBANA_URL), "
            "usually port 5601"
        )

    def _refused(self, answer: Answer) -> KibanaError:
        """The error of an answer that is not what was asked for."""
        if "x-elastic-product" in answer.headers:
            return KibanaError(
                f"{self.url} is the address of Elasticsearch; give Kibana's as --kibana-url, "
                "usually port 5601",
                status=answer.status,
            )
        if answer.status == 404 and "kbn-name" not in answer.headers:
            return self.not_understood()
        told = _TOLD.get(answer.status, "answers {status}: {said}")
        sentence = told.format(status=answer.status, said=answer.said, space=self.space)
        if answer.status == 401 and self._authorization is None:
            sentence = _WANTS_CREDENTIALS
        return KibanaError(f"Kibana at {self.url} {sentence}", status=answer.status)

    def _warn(self, connection: Connection) -> None:
        if connection.insecure and self.url.startswith("https:"):
            warnings.warn(
                "Kibana's certificate is not checked: anyone in between can read and change "
                "everything, the credentials too. Give --kibana-ca-certs in place of --insecure",
                InsecureConnectionWarning,
                stacklevel=3,
            )
        if self._authorization is not None and goes_in_the_open(self.url):
            warnings.warn(
                f"the credentials go to {self.url} in the open: anyone in between can read them. "
                "Use an address with https://",
                InsecureConnectionWarning,
                stacklevel=3,
            )


_REDIRECT = "sends elsewhere; give the address that it stands for itself"
_WANTS_CREDENTIALS = (
    "wants credentials; set XLREC_API_KEY, or XLREC_USERNAME and XLREC_PASSWORD, of a user of its "
    "Elasticsearch"
)
_NOT_NOW = "is not ready ({said}); wait until a browser opens it, and run the same command again"
_TOLD = {
    **dict.fromkeys((301, 302, 303, 307, 308), _REDIRECT),
    400: "refuses the request: {said}",
    401: "does not accept the credentials ({said}); check XLREC_API_KEY, or XLREC_USERNAME and "
    "XLREC_PASSWORD: they must be those of a user of its Elasticsearch",
    403: "does not allow this in the space {space} ({said}); xlrec-es role kibana --space {space} "
    "prints the role that is needed",
    404: "has no space {space}; make it under Stack Management > Spaces, or name another with "
    "--space",
    413: "takes no file of this size ({said}); raise savedObjects.maxImportPayloadBytes in "
    "kibana.yml, or what a proxy before it allows",
    **dict.fromkeys((429, 502, 503, 504), _NOT_NOW),
}
"""What is said of a status."""
