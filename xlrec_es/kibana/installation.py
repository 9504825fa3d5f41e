"""Objects into a space of Kibana, and what became of each.

Kibana's import is not one change: it may write some objects and fail at others. And what it lists
as a success need not be written: where a reference is missing, it writes nothing, and lists as
successes those that it would have written (Kibana's `create_saved_objects.ts`).

Source: Kibana's API reference, "Import saved objects" and "Export saved objects".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from xlrec_es.errors import KibanaError
from xlrec_es.kibana.saved_objects import SavedObject
from xlrec_es.kibana.server import Kibana

Became = Literal["created", "overwritten", "failed", "not written", "new", "there"]
"""What became of an object; the last two are of a rehearsal."""

_NOTHING_WRITTEN = frozenset({"missing_references", "ambiguous_conflict"})
_BLOCKED = "Kibana writes none of them while another one fails in this way"
_UNTOLD = "Kibana does not say what became of it"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object.

    Attributes:
        type: Of saved objects, such as `dashboard`.
        id: As the file has it.
        title: What people see.
        became: What became of it.
        why: Of what failed or was not written.
        stands_as: Its id in this space, where that is another: an object of the same id stands in
            another space.
    """

    type: str
    id: str
    title: str
    became: Became
    why: str = ""
    stands_as: str | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """What became of all of them, in the order of the file."""

    outcomes: tuple[Outcome, ...]

    @property
    def unwritten(self) -> list[Outcome]:
        """Those that do not stand there now."""
        return [one for one in self.outcomes if one.became in ("failed", "not written")]


def install(kibana: Kibana, objects: Sequence[SavedObject], content: bytes) -> Installation:
    """Write objects into the space, over those that stand there under the same ids.

    Args:
        kibana: With the space.
        objects: What is written.
        content: The file that they were read from, or would be written to: what another program
            wrote may say more of them.

    Raises:
        KibanaError: It does not answer, refuses, or there is no such space. The message says
            whether anything may have been written.
    """
    kibana.find_space()
    form, content_type = _multipart(content)
    try:
        answer = kibana.ask(
            "POST",
            "/api/saved_objects/_import?overwrite=true",
            form,
            content_type=content_type,
        )
    except KibanaError as error:
        raise KibanaError(f"{error}. {_after(error.status)}", status=error.status) from error
    told = answer.json
    if not isinstance(told, dict) or not isinstance(told.get("success"), bool):
        raise kibana.not_understood()
    try:
        return Installation(tuple(_outcomes(objects, told)))
    except (AttributeError, KeyError, TypeError) as error:  # it lists what is no list of objects
        raise kibana.not_understood() from error


def rehearse(kibana: Kibana, objects: Sequence[SavedObject]) -> Installation:
    """What `install` would create, and what it would overwrite.

    Args:
        kibana: As there.
        objects: As there.

    Raises:
        KibanaError: As there.
    """
    kibana.find_space()
    named = [{"type": one.type, "id": one.id} for one in objects]
    body = {"objects": named, "includeReferencesDeep": False, "excludeExportDetails": True}
    answer = kibana.ask(
        "POST", "/api/saved_objects/_export", json.dumps(body).encode(), accepts=(200, 400)
    )
    if answer.status == 200:
        return Installation(tuple(_rehearsed(objects, {})))
    told = answer.json
    missing = told.get("attributes", {}).get("objects") if isinstance(told, dict) else None
    if not isinstance(missing, list):
        raise KibanaError(f"Kibana at {kibana.url} refuses to look: {answer.said}", status=400)
    try:
        errors = {(one["type"], one["id"]): one.get("error", {}) for one in missing}
        return Installation(tuple(_rehearsed(objects, errors)))
    except (AttributeError, KeyError, TypeError) as error:
        raise kibana.not_understood() from error


def _multipart(content: bytes) -> tuple[bytes, str]:
    """A form with one file, and its content type.

    Kibana refuses files whose names end otherwise.
    """
    boundary = uuid.uuid4().hex
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="objects.ndjson"\r\n'
        "Content-Type: application/ndjson\r\n\r\n"
    )
    form = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return form, f"multipart/form-data; boundary={boundary}"


def _after(status: int | None) -> str:
    """What may stand there now, after an import that was not answered as it should."""
    if status is None or status == 429 or status >= 500:
        return (
            "Some of the objects may be written: run the same command again, which writes over them"
        )
    return "Nothing was written"


def _outcomes(objects: Sequence[SavedObject], told: Mapping[str, Any]) -> Iterator[Outcome]:
    errors: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in told.get("errors") or ():
        errors.setdefault((one["type"], one["id"]), []).append(one.get("error") or {})
    kinds = {error.get("type") for several in errors.values() for error in several}
    written = {(one["type"], one["id"]): one for one in told.get("successResults") or ()}
    for one in objects:
        key = one.type, one.id
        if key in errors:
            why = "; ".join(_why(one, error) for error in errors[key])
            yield Outcome(*key, one.title, "failed", why)
        elif key not in written:
            yield Outcome(*key, one.title, "failed", _UNTOLD)
        elif kinds & _NOTHING_WRITTEN:
            yield Outcome(*key, one.title, "not written", _BLOCKED)
        else:
            became: Became = "overwritten" if written[key].get("overwrite") else "created"
            yield Outcome(*key, one.title, became, stands_as=written[key].get("destinationId"))


def _why(one: SavedObject, error: Mapping[str, Any]) -> str:
    """What an error of the import means, and what helps."""
    kind = error.get("type")
    if kind == "missing_references":
        needed = ", ".join(f"{it['type']} {it['id']}" for it in error.get("references", ()))
        return (
            f"it needs {needed}, which is neither in the file nor in the space; make the file "
            "again with xlrec-es kibana export"
        )
    if kind == "conflict":
        return (
            "it is there and could not be overwritten: another user changed it meanwhile; run the "
            "same command again"
        )
    if kind == "ambiguous_conflict":
        several = ", ".join(str(it.get("id")) for it in error.get("destinations", ()))
        return (
            f"the space has several copies of it ({several}); delete all but one under Stack "
            "Management > Saved Objects"
        )
    if kind == "unsupported_type":
        return f"this Kibana takes no objects of the type {one.type}"
    return str(error.get("message") or error.get("error") or kind or _UNTOLD)


def _rehearsed(
    objects: Sequence[SavedObject], errors: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Iterator[Outcome]:
    for one in objects:
        key = one.type, one.id
        error = errors.get(key)
        if error is None:
            yield Outcome(*key, one.title, "there")
        elif error.get("statusCode") == 404:
            yield Outcome(*key, one.title, "new")
        else:
            yield Outcome(*key, one.title, "failed", _why(one, error))
