"""`xlrec-es serve` as a process, and requests to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

_READY_S = 60.0
_ADDRESS = re.compile(r"at (http://\S+);")


@dataclass(frozen=True)
class Answer:
    """What a request was answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever it holds
        return json.loads(self.content)


@dataclass
class Service:
    """A service, and where it listens."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @classmethod
    def start(cls, folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Self:
        """Start one; its log goes into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / f"service-{uuid.uuid4().hex}.log"
        with log.open("wb") as output:
            command = [sys.executable, "-m", "xlrec_es", "serve", *arguments]
            if "--port" not in arguments:
                command += ["--port", "0"]
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, **(env or {})}
            )
        service = cls(process, "", log)
        service.url = service._awaited()
        return service

    def _awaited(self) -> str:
        end = time.monotonic() + _READY_S
        while time.monotonic() < end:
            text = self.log.read_text("utf-8")
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended: {text}")
            if found := _ADDRESS.findall(text):
                with contextlib.suppress(OSError):
                    self.url = found[-1]
                    if self.get("/healthz").status:
                        return self.url
            time.sleep(0.05)
        raise AssertionError(f"the service does not listen: {self.log.read_text('utf-8')}")

    def request(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """One request on a connection of its own."""
        parts = urlsplit(self.url)
        with contextlib.closing(
            http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
        ) as connection:
            connection.request(method, path, content, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", path, content, {"Content-Type": "application/json", **headers})

    def stop(self, sign: int = signal.SIGTERM, timeout: float = 60.0) -> int:
        """Send a signal, and wait for the end."""
        self.process.send_signal(sign)
        return self.process.wait(timeout)


@contextlib.contextmanager
def service(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """A service that is stopped afterwards."""
    started = Service.start(folder, *arguments, env=env)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.stop()
