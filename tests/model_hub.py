"""A model hub on localhost: what `huggingface_hub` asks of the real one, and no more."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from served import served

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLDER = "fedcba9876543210fedcba9876543210fedcba98"


@dataclass(slots=True)
class Hub:
    """What is served, and what was asked for.

    Attributes:
        url: For `HF_ENDPOINT`.
        models: Folder by name and commit.
        branches: Commit by the name of a branch.
        downloaded: Files that were asked for, in order.
    """

    url: str = ""
    models: dict[tuple[str, str], Path] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=lambda: {"main": COMMIT, "older": OLDER})
    downloaded: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer on an open connection takes 40 ms more

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, *, with_body: bool) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        headers: dict[str, str] = {}
        body: bytes | None = None
        if parts[:2] == ["api", "models"] and len(parts) >= 4:
            body = self._told(parts)
        elif len(parts) > 4 and parts[2] == "resolve":
            folder = self._folder("/".join(parts[:2]), parts[3])
            name = "/".join(parts[4:])
            if folder is not None and (folder / name).is_file():
                body = (folder / name).read_bytes()
                etag = hashlib.sha1(body).hexdigest()
                headers = {"ETag": f'"{etag}"', "X-Repo-Commit": self._commit(parts[3])}
                if with_body:
                    self.hub.downloaded.append(name)
        self.send_response(404 if body is None else 200)
        if body is None:
            headers["X-Error-Code"] = "RepoNotFound"
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        if with_body and body:
            self.wfile.write(body)

    def _commit(self, revision: str) -> str:
        return self.hub.branches.get(revision, revision)

    def _folder(self, name: str, revision: str) -> Path | None:
        return self.hub.models.get((name, self._commit(revision)))

    def _told(self, parts: list[str]) -> bytes | None:
        name, kind, revision = "/".join(parts[2:4]), *(*parts[4:6], "", "main")[:2]
        folder = self._folder(name, revision or "main")
        if folder is None:
            return None
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if kind == "tree":
            entries = [
                {
                    "type": "file",
                    "path": path.relative_to(folder).as_posix(),
                    "size": path.stat().st_size,
                    "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
                }
                for path in files
            ]
            return json.dumps(entries).encode()
        siblings = [{"rfilename": path.relative_to(folder).as_posix()} for path in files]
        told = {"id": name, "modelId": name, "sha": self._commit(revision), "siblings": siblings}
        return json.dumps(told).encode()


@contextlib.contextmanager
def model_hub() -> Iterator[Hub]:
    """A hub for as long as the `with` block lasts."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    with served(server):
        yield hub
