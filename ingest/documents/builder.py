"""From a record to its documents: one, or one for each language that it carries."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol

import orjson

from ingest.documents.document import Deletion, Document
from ingest.documents.envelope import ID, metadata_in
from ingest.documents.field_map import PLACEHOLDER, FieldMap, lookup, tags_of, without
from ingest.documents.language_detection import LanguageDetector
from ingest.documents.language_values import LanguageValues
from ingest.documents.renditions import DEFAULT_ID, records_of, rendition_id
from ingest.documents.text_recipe import Recipe
from ingest.sources.record import Fields, Record, Rejection
from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson, UnknownLanguage
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.languages import UNDETERMINED, is_tag, normalize

DECLARED, DETECTED = "declared", "detected"
OPERATION_FIELD, DELETE = "_op", "delete"
VERSION_STEP = 1_000_000
"""Elasticsearch versions between two of ours, so that versions are nanoseconds where those of the
records are milliseconds: each partial update by somebody else (indicators) takes one."""
_MAX_VERSION = (2**63 - 1) // VERSION_STEP - 1
MAX_ID_BYTES = 512  # Elasticsearch's own limit
MAX_POPULARITY = 1e9
"""The count that `xlrec.popularity` 1 stands for: fixed, so that later runs agree with earlier."""

_HASHED = ("id", "work", "language", "language_source", "text", "popularity", "source")


class _Unfit(ValueError):
    """Why a record makes no document."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A document to be.

    Attributes:
        id: Of the record.
        tag: Its language as declared, or None.
        texts: The object that holds its texts.
        paths: Where they are in it, in order.
        source: The user's fields that it gets.
        is_rendition: Whether it is one of several in the record.
    """

    id: str
    tag: Any
    texts: Any
    paths: tuple[str, ...]
    source: Fields
    is_rendition: bool

    @property
    def document_id(self) -> str:
        """Id of the document, as far as it is known."""
        return rendition_id(self.id, self.tag) if self.is_rendition else self.id


def record_id(record: Record, fields: FieldMap) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The id that the source has for a record, or that stands in its fields; None without one.

    A document of ours has its id already: its fields may have that of the record it was made of.
    """
    if record.id is not None and (fields.id in (None, ID) or record.own):
        return record.id
    return lookup(record.fields, fields.id or DEFAULT_ID)


class DocumentBuilder:
    """Makes documents out of records.

    A record in one language keeps its id and its fields. One that carries several languages, in
    fields of their own (`title_en`) or in an object, becomes a document `<id>@<language>` for each
    of them. It has the fields of that language, and those of the record that are no text: neither
    the other translations, nor the record's own language, title, and text. If the record declares a
    language and has a text of its own, that is one more language version. Language versions share
    `xlrec.work`.

    A record with `"_op": "delete"` and an id is a `Deletion`.
    """

    needs_all = False

    def __init__(
        self,
        fields: FieldMap,
        recipe: Recipe,
        detector: LanguageDetector,
        values: LanguageValues | None = None,
    ) -> None:
        self._values = values or LanguageValues()
        self._fields = fields
        self._recipe = recipe
        self._detector = detector

    def build(self, record: Record) -> Iterator[Document | Deletion | Rejection]:
        """The record's documents, and why there are not more of them; or what is to go."""
        try:
            version = self._version(record.fields)
            if OPERATION_FIELD in record.fields:
                yield self._deletion(record, version)
                return
            drafts = self._drafts(record)
        except _Unfit as error:
            yield Rejection(record.position, "document", str(error), record.whole)
            return
        seen: set[str] = set()
        for draft in drafts:
            try:
                document = self._document(record, draft, version)
                if document.id in seen:
                    raise _Unfit(f"the record has {document.language} twice")
            except _Unfit as error:
                rejection = Rejection(record.position, "document", str(error), record.whole)
                yield replace(rejection, document=draft.document_id)
            else:
                seen.add(document.id)
                yield document

    def _id(self, record: Record) -> str:
        return _id(record_id(record, self._fields), self._fields.id or DEFAULT_ID)

    def _version(self, record: Fields) -> int:
        path = self._fields.version
        return time.time_ns() if path is None else _version(lookup(record, path), path)

    def _deletion(self, record: Record, version: int) -> Deletion:
        operation = record.fields[OPERATION_FIELD]
        if operation != DELETE:
            raise _Unfit(f"{OPERATION_FIELD} is {operation!r}; {DELETE!r} is all that it can be")
        return Deletion(self._id(record), record, version)

    def _drafts(self, whole: Record) -> list[_Draft]:
        paths, record = self._fields, whole.fields
        if OWN_FIELD in record:
            raise _Unfit(f"the field {OWN_FIELD} is this program's own; rename or remove it")
        if reason := metadata_in(record):
            raise _Unfit(reason)
        id_ = self._id(whole)
        tag = lookup(record, paths.language)
        if whole.own:  # a document of ours already, in one language
            tag = whole.own.get("language")
            here = [p for path in paths.texts for p in _paths_in(record, path)]
            return [_Draft(id_, tag, record, tuple(here), record, is_rendition=False)]
        if tags := list(dict.fromkeys(t for path in paths.texts for t in tags_of(record, path))):
            return list(self._by_fields(id_, record, tag, tags))
        if translations := lookup(record, paths.translations):
            return list(self._by_object(id_, record, tag, translations))
        return [_Draft(id_, tag, record, paths.texts, record, is_rendition=False)]

    def _by_fields(
        self, id_: str, record: Fields, own: object, tags: list[str]
    ) -> Iterator[_Draft]:
        """A draft for each language that has fields of its own.

        Text fields without a language belong to the language that the record declares; if it
        declares none, to all of them.
        """
        paths = self._fields.texts
        plain = [path for path in paths if PLACEHOLDER not in path]
        own = next((tag for tag in tags if _spelled_alike(tag.replace("_", "-"), own)), own)
        if isinstance(own, str) and own and own not in tags and any(_texts(record, plain)):
            tags = [own, *tags]
        for tag in tags:
            elsewhere = [_in_language(path, other) for path in paths for other in tags]
            here = [_in_language(path, tag) for path in paths]
            if own and tag != own:
                here = [path for path in here if path not in plain]
                elsewhere.append(self._fields.language)
            source = record
            for path in elsewhere:
                source = source if path in here else without(source, path)
            yield _Draft(id_, tag, record, tuple(here), source, is_rendition=True)

    def _by_object(
        self, id_: str, record: Fields, tag: object, translations: object
    ) -> Iterator[_Draft]:
        """A draft for each translation, and one for the record's own language."""
        paths = self._fields
        if not isinstance(translations, Mapping):
            raise _Unfit(f"{paths.translations} is {_kind(translations)}, not an object")
        own = shared = without(record, paths.translations)
        for path in (paths.language, *paths.texts):
            shared = without(shared, path)
        translated = isinstance(tag, str) and tag in translations
        if tag and not translated and any(_texts(own, paths.texts)):
            yield _Draft(id_, tag, own, paths.texts, own, is_rendition=True)
        for tag, fields in translations.items():
            source = {**shared, **fields} if isinstance(fields, Mapping) else {}
            yield _Draft(id_, tag, fields, paths.texts, source, is_rendition=True)

    def _document(self, record: Record, draft: _Draft, version: int) -> Document:
        if not isinstance(draft.texts, Mapping):
            raise _Unfit(f"the translation {draft.tag} is {_kind(draft.texts)}, not an object")
        text = self._recipe.text(_texts(draft.texts, draft.paths))
        if not text:
            raise _Unfit(f"no text in {', '.join(draft.paths)}")
        language, source = self._language(draft, text, stored=bool(record.own))
        id_ = _checked(rendition_id(draft.id, language)) if draft.is_rendition else draft.id
        own = record.own or {}
        stored: dict[str, Any] = {
            "id": id_,
            "work": _work(own.get("work"))
            or _work(lookup(record.fields, self._fields.work))
            or draft.id,
            "language": language,
            "language_source": own.get("language_source") or source,
            "text": text,
            "popularity": _popularity(lookup(record.fields, self._fields.popularity)),
            "source": draft.source,
        }
        said = draft.tag if isinstance(draft.tag, str) and not is_tag(draft.tag) else ""
        if source == DETECTED:
            said = draft.tag or ""
        return Document(
            **stored,
            content_hash=_hash(stored),
            record=record,
            version=version,
            record_id=self._record_id(record, draft),
            language_value="" if record.own else said,
        )

    def _record_id(self, record: Record, draft: _Draft) -> str:
        """Id of the record that the draft is of, or was of where it is a document of ours."""
        if not record.own:
            return draft.id
        stored = {**record.fields, OWN_FIELD: record.own}
        return records_of(draft.id, stored, self._fields.id or DEFAULT_ID)[0]

    def _language(self, draft: _Draft, text: str, *, stored: bool) -> tuple[str, str]:
        """The tag of a text, and whether it is declared or detected.

        Args:
            draft: Says what is declared.
            text: Of the document.
            stored: It is a document of ours already, whose tag is what it is.
        """
        tag = draft.tag
        if not draft.is_rendition and tag in (None, ""):
            return self._detector.detect(text), DETECTED
        if not isinstance(tag, str):
            raise _Unfit(f"the language is {_kind(tag)}, not text")
        if stored and is_tag(tag):
            return _normalized(tag), DECLARED
        try:
            said = self._values.read(tag)
        except UnknownLanguage as error:
            raise _Unfit(str(error)) from error
        if said.language is not None:
            return said.language, DECLARED
        found = self._detector.detect(text)
        if found == UNDETERMINED:
            if said.doubt:
                raise _Unfit(said.doubt)
            found = said.otherwise
        return found, DETECTED


def declares_work(record: Record, path: str) -> bool:
    """Whether the record says which work it is of."""
    return bool(record.own) or lookup(record.fields, path) not in (None, "")


def of_work(document: Document, work: str) -> Document:
    """The same document as a language version of another work."""
    return _changed(document, work=work)


def _changed(document: Document, **changes: Any) -> Document:  # noqa: ANN401
    stored = {name: getattr(document, name) for name in _HASHED} | changes
    return replace(document, **changes, content_hash=_hash(stored))


def _in_language(path: str, tag: str) -> str:
    return path.replace(PLACEHOLDER, tag)


def _paths_in(record: Fields, path: str) -> list[str]:
    """What a path stands for in a record."""
    if PLACEHOLDER not in path:
        return [path]
    return [_in_language(path, tag) for tag in tags_of(record, path)]


def _spelled_alike(tag: str, other: object) -> bool:
    """Whether two tags are the same but for `EN_us` and `en-US`."""
    return isinstance(other, str) and tag.lower() == other.lower().replace("_", "-")


def _texts(fields: Fields, paths: Iterable[str]) -> Iterator[str]:
    """The texts at these paths, in order; a list of texts counts as several."""
    for path in paths:
        value = lookup(fields, path)
        several = value if isinstance(value, list) else [] if value is None else [value]
        for text in several:
            if not isinstance(text, str):
                raise _Unfit(f"{path} is or has {_kind(text)}, not text")
            yield text


def _id(value: object, path: str) -> str:
    if value is None or value == "":
        raise _Unfit(f"no id in {path}")
    if isinstance(value, str):
        return _checked(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and str(value).isdecimal():  # above 64 bits
        return _checked(str(value))
    raise _Unfit(f"{path} is {_kind(value)}, neither text nor a whole number")


def _checked(id_: str) -> str:
    size = len(id_.encode("utf-8", "surrogatepass"))
    if size > MAX_ID_BYTES:
        raise _Unfit(f"the id has {size} bytes; Elasticsearch takes {MAX_ID_BYTES}")
    return id_


def _version(value: object, path: str) -> int:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            reason = f"the version in {path} is {value!r}, neither a date nor a whole number"
            raise _Unfit(reason) from error
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        value = round(moment.timestamp() * 1000)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Unfit(f"the version in {path} is {_kind(value)}, neither a date nor a whole number")
    if not 0 <= value <= _MAX_VERSION:
        raise _Unfit(f"the version in {path} is {value}; use 0 to {_MAX_VERSION}")
    return value * VERSION_STEP


def _work(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise _Unfit(f"the work is {_kind(value)}, neither text nor a whole number")


_normalized = lru_cache(maxsize=1024)(normalize)


def _popularity(value: object) -> float | None:
    """A count as 0..1, on a logarithmic scale."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _Unfit(f"the popularity is {_kind(value)}, not a number")
    if value < 0:
        raise _Unfit(f"the popularity is {value}, below 0")
    return min(1.0, math.log1p(value) / math.log1p(MAX_POPULARITY))


def _kind(value: object) -> str:
    """What JSON calls it."""
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "text"} | dict.fromkeys(
        (int, float, Decimal), "a number"
    )
    return names.get(type(value), "null")


def _hash(stored: Fields) -> str:
    try:
        canonical = exact_json.dumps(stored, orjson.OPT_SORT_KEYS)
    except InvalidJson as error:  # from an index, which holds more than can be written again
        raise _Unfit(str(error)) from error
    return hashlib.sha256(canonical).hexdigest()[:32]


class Builder(Protocol):
    """Makes documents out of records."""

    @property
    def needs_all(self) -> bool:
        """Whether it must see every record, in order, those too that are done with."""

    def build(self, record: Record) -> Iterator[Document | Deletion | Rejection]:
        """The record's documents, and why there are not more of them; or what is to go."""
