"""A Kibana of the tests: spaces, saved objects, and the answers that Kibana documents.

What it does with an import is what Kibana's `import_saved_objects.ts` and `create_saved_objects.ts`
do, down to successes that are listed and not written where a reference is missing.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePath
from typing import Any
from urllib.parse import parse_qs, urlsplit

TYPES = ("dashboard", "index-pattern", "lens", "search", "visualization")
_REFERENCES = ("index-pattern", "search")  # of these types alone it looks whether they are there
_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
}

Key = tuple[str, str]


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str, attributes: object = None) -> None:
        super().__init__(message)
        self.status, self.message, self.attributes = status, message, attributes


@dataclass
class Space:
    """What a space holds, by type and id, and its ids of objects that another space has too."""

    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    copies: dict[Key, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A request that came; its headers' names may be asked for in either case."""

    method: str
    path: str
    headers: Message


class FakeKibana(ThreadingHTTPServer):
    """Listens on the localhost.

    Attributes:
        spaces: By identifier.
        writers: Values of `Authorization` that may do all; None: whoever asks may.
        readers: Values that may read.
        max_bytes: Largest body that it takes.
        conflicts: Objects that somebody else changes while they are written.
        broken: Errors of objects that cannot be written.
        fault: Called with each request in place of all else, and answers it itself, if it is set.
        hangs_up: Whether it hangs up after an import, in place of an answer.
        asked: What came.
    """

    def __init__(self, *spaces: str) -> None:
        self.spaces = {name: Space() for name in ("default", *spaces)}
        self.writers: set[str] | None = None
        self.readers: set[str] = set()
        self.max_bytes = 25 * 1024 * 1024
        self.conflicts: set[Key] = set()
        self.broken: dict[Key, dict[str, Any]] = {}
        self.fault: Callable[[Handler], None] | None = None
        self.hangs_up = False
        self.asked: list[Asked] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Say nothing: some tests hang up."""

    def import_objects(self, name: str, lines: list[str], *, overwrite: bool) -> dict[str, Any]:
        """What `_import` answers."""
        space = self.spaces.setdefault(name, Space())  # it does not look whether there is one
        objects = [json.loads(line) for line in lines if line.strip()]
        objects = [one for one in objects if "exportedCount" not in one]
        keys = [(one["type"], one["id"]) for one in objects]
        if twice := sorted({f"{t}:{i}" for t, i in keys if keys.count((t, i)) > 1}):
            raise Refused(400, f"Non-unique import objects detected: [{','.join(twice)}]")
        errors = [*_unsupported(objects), *_missing(space, objects)]
        if not overwrite:
            errors += [
                _error(one, type="conflict") for one in objects if _key(one) in space.objects
            ]
        failed = {(error["type"], error["id"]) for error in errors}
        writes = [one for one in objects if _key(one) not in failed]
        stops = any(error["error"]["type"] != "unsupported_type" for error in errors)
        results = [] if stops else [*self._write(name, writes)]
        if stops:
            results = [self._result(name, one) for one in writes]
        errors += [one for one in results if "error" in one]
        good = [one for one in results if "error" not in one]
        return {
            "successCount": len(good),
            "success": not errors,
            "warnings": [],
            **({"successResults": good} if good else {}),
            **({"errors": errors} if errors else {}),
        }

    def _write(self, name: str, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        space, results = self.spaces[name], []
        for one in objects:
            if _key(one) in self.conflicts:
                results.append(_error(one, type="conflict"))
            elif _key(one) in self.broken:
                results.append(_error(one, **self.broken[_key(one)], type="unknown"))
            else:
                results.append(self._result(name, one))
                id_ = results[-1].get("destinationId", one["id"])
                space.objects[one["type"], id_] = one
                if id_ != one["id"]:
                    space.copies[_key(one)] = id_
        return results

    def _result(self, name: str, one: dict[str, Any]) -> dict[str, Any]:
        """The entry of a success; an object of that id in another space makes it a copy."""
        space, key = self.spaces[name], _key(one)
        others = (other for other in self.spaces.values() if other is not space)
        meta = {"title": one["attributes"].get("title"), "icon": "dashboardApp"}
        found = {"type": one["type"], "id": one["id"], "meta": meta, "managed": False}
        if key in space.copies:
            return found | {"overwrite": True, "destinationId": space.copies[key]}
        if key in space.objects:
            return found | {"overwrite": True}
        if any(key in other.objects for other in others):
            return found | {"destinationId": str(uuid.uuid4())}
        return found


def _key(one: Mapping[str, Any]) -> Key:
    return one["type"], one["id"]


def _error(one: Mapping[str, Any], **error: object) -> dict[str, Any]:
    title = one["attributes"].get("title")
    return {"type": one["type"], "id": one["id"], "meta": {"title": title}, "error": error}


def _unsupported(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_error(one, type="unsupported_type") for one in objects if one["type"] not in TYPES]


def _missing(space: Space, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    there = {*space.objects, *map(_key, objects)}
    errors = []
    for one in objects:
        needed = [_key(it) for it in one.get("references", ()) if it["type"] in _REFERENCES]
        if missing := [{"type": t, "id": i} for t, i in needed if (t, i) not in there]:
            errors.append(_error(one, type="missing_references", references=missing))
    return errors


class Handler(BaseHTTPRequestHandler):
    """Answers as Kibana does."""

    server: FakeKibana

    def _answer(self) -> None:
        self.server.asked.append(Asked(self.command, self.path, self.headers))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.fault is not None:
            self.server.fault(self)
            return
        try:
            found = self._answered()
        except Refused as no:
            told: dict[str, object] = {
                "statusCode": no.status,
                "error": _REASONS[no.status],
                "message": no.message,
            }
            if no.attributes is not None:
                told["attributes"] = no.attributes
            self.say(no.status, json.dumps(told))
            return
        if not (self.server.hangs_up and "_import" in self.path):
            self.say(200, found if isinstance(found, str) else json.dumps(found))

    do_GET = do_POST = _answer

    def say(self, status: int, text: str, *, kibana: bool = True, **headers: str) -> None:
        """Answer."""
        content = text.encode()
        self.send_response(status)
        named = {"kbn-name": "kibana"} if kibana else {}
        kind = "application/json" if text.startswith("{") else "text/plain"
        for name, value in (named | {"Content-Type": kind} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass

    def _answered(self) -> object:
        parts = urlsplit(self.path)
        inside = re.fullmatch(r"(?:/s/([a-z0-9_-]+))?(/api/.*)", parts.path)
        space, path = (inside[1] or "default", inside[2]) if inside else ("", "")
        who = self.headers["Authorization"]
        writers, readers = self.server.writers, self.server.readers
        if writers is not None and who not in writers | readers:
            raise Refused(401, "[security_exception\n\tRoot causes:\n\t\tunable to authenticate]")
        if self.command == "GET" and (found := re.fullmatch(r"/api/spaces/space/(.+)", path)):
            if found[1] not in self.server.spaces:
                raise Refused(404, "Not Found")
            return {"id": found[1], "name": found[1].capitalize(), "disabledFeatures": []}
        if self.command == "POST" and not self.headers["kbn-xsrf"]:
            raise Refused(400, "Request must contain a kbn-xsrf header.")
        if self.command == "POST" and path == "/api/saved_objects/_export":
            return self._exported(self.server.spaces[space], json.loads(self.body)["objects"])
        if self.command == "POST" and path == "/api/saved_objects/_import":
            lines = self._file().splitlines()
            if writers is not None and who not in writers:
                types = sorted({json.loads(line)["type"] for line in lines})
                raise Refused(403, f"Unable to bulk_create {','.join(types)}")
            overwrite = parse_qs(parts.query).get("overwrite") == ["true"]
            return self.server.import_objects(space, lines, overwrite=overwrite)
        raise Refused(404, "Not Found")

    def _file(self) -> str:
        """The file of the form."""
        if len(self.body) > self.server.max_bytes:
            limit = self.server.max_bytes
            raise Refused(413, f"Payload content length greater than maximum allowed: {limit}")
        kind = self.headers["Content-Type"]
        if not kind.startswith("multipart/form-data"):
            raise Refused(415, "Unsupported Media Type")
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        for part in form.iter_parts():
            if part.get_param("name", header="content-disposition") == "file":
                ending = PurePath(part.get_filename() or "").suffix
                if ending != ".ndjson":
                    raise Refused(400, f"Invalid file extension {ending}")
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                return content.decode()
        raise Refused(400, "[request body.file]: expected value of type [Stream]")

    def _exported(self, space: Space, asked: list[dict[str, str]]) -> str:
        missing = [
            {**one, "error": {"statusCode": 404, "error": "Not Found", "message": "not found"}}
            for one in asked
            if _key(one) not in space.objects
        ]
        if missing:
            raise Refused(400, "Error fetching objects to export", {"objects": missing})
        return "\n".join(json.dumps(space.objects[_key(one)]) for one in asked)
