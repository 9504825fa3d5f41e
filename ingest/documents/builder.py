"""From a record to its documents: one, or one for each language that it carries."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

import orjson

from ingest.documents.document import Deletion, Document
from ingest.documents.inline_pictures import PictureField, is_inline
from ingest.documents.language_detection import LanguageDetector
from ingest.documents.text_recipe import Recipe
from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson, UnknownLanguage
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.languages import UNDETERMINED, is_tag, normalize
from xlrec_es.records.drafts import Draft, drafts_of, id_in, texts_at
from xlrec_es.records.field_map import FieldMap, lookup, without
from xlrec_es.records.language_values import LanguageValues
from xlrec_es.records.record import Fields, Record, Rejection
from xlrec_es.records.renditions import DEFAULT_ID, records_of, rendition_id
from xlrec_es.records.values import (
    Unfit,
    checked_id,
    kind_of,
    popularity_of,
    version_of,
    work_of,
)

DECLARED, DETECTED = "declared", "detected"
OPERATION_FIELD, DELETE = "_op", "delete"
_HASHED = ("id", "work", "language", "language_source", "text", "popularity", "source")


class DocumentBuilder:
    """Makes documents out of records.

    A record in one language keeps its id and its fields. One that carries several languages, in
    fields of their own (`title_en`) or in an object, becomes a document `<id>@<language>` for each
    of them. It has the fields of that language, and those of the record that are no text: neither
    the other translations, nor the record's own language, title, and text. If the record declares a
    language and has a text of its own, that is one more language version. Language versions share
    `xlrec.work`.

    A record with `"_op": "delete"` and an id is a `Deletion`.

    Args:
        fields: Which field is what.
        recipe: How texts are made.
        detector: Tells the language of a text.
        values: What stands for which language.
        started_ns: Nanoseconds since 1970, to which a record's position is added: that is its
            version, in whatever order records are read. None: it is the moment of reading.
        image: Field that has the picture; None: nobody asks for pictures. A record with a picture
            needs no text. The picture itself (`data:`, Base64) is not stored.
    """

    needs_all = False

    def __init__(
        self,
        fields: FieldMap,
        recipe: Recipe,
        detector: LanguageDetector,
        values: LanguageValues | None = None,
        *,
        started_ns: int | None = None,
        image: PictureField | None = None,
    ) -> None:
        self._started_ns = started_ns
        self._image = image
        self._values = values or LanguageValues()
        self._fields = fields
        self._recipe = recipe
        self._detector = detector

    def build(self, record: Record) -> Iterator[Document | Deletion | Rejection]:
        """The record's documents, and why there are not more of them; or what is to go."""
        try:
            version = self._version(record)
            if OPERATION_FIELD in record.fields:
                yield self._deletion(record, version)
                return
            drafts = drafts_of(record, self._fields)
        except Unfit as error:
            yield record.rejected("document", str(error))
            return
        seen: set[str] = set()
        for draft in drafts:
            try:
                document = self._document(record, draft, version)
                if document.id in seen:
                    raise Unfit(f"the record has {document.language} twice")
            except Unfit as error:
                yield record.rejected("document", str(error), draft.document_id)
            else:
                seen.add(document.id)
                yield document

    def _version(self, record: Record) -> int:
        path = self._fields.version
        if path is not None:
            return version_of(lookup(record.fields, path), path)
        return time.time_ns() if self._started_ns is None else self._started_ns + record.position

    def _deletion(self, record: Record, version: int) -> Deletion:
        operation = record.fields[OPERATION_FIELD]
        if operation != DELETE:
            raise Unfit(f"{OPERATION_FIELD} is {operation!r}; {DELETE!r} is all that it can be")
        return Deletion(id_in(record, self._fields), record, version)

    def _document(self, record: Record, draft: Draft, version: int) -> Document:
        if not isinstance(draft.texts, Mapping):
            raise Unfit(f"the translation {draft.tag} is {kind_of(draft.texts)}, not an object")
        text = self._recipe.text(texts_at(draft.texts, draft.paths))
        fields, image = self._pictured(draft)
        if not text and image in (None, ""):
            raise Unfit(f"no text in {', '.join(draft.paths)}{self._image_too()}")
        language, source = self._language(draft, text, stored=bool(record.own))
        id_ = checked_id(rendition_id(draft.id, language)) if draft.is_rendition else draft.id
        own = record.own or {}
        stored: dict[str, Any] = {
            "id": id_,
            "work": work_of(own.get("work"))
            or work_of(lookup(record.fields, self._fields.work))
            or draft.id,
            "language": language,
            "language_source": own.get("language_source") or source,
            "text": text,
            "popularity": popularity_of(lookup(record.fields, self._fields.popularity)),
            "source": fields,
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
            image=image,
        )

    def _pictured(self, draft: Draft) -> tuple[Fields, object]:
        """The fields that are stored, and what is there for the picture."""
        if self._image is None:
            return draft.source, None
        path, asked = self._image
        image = lookup(draft.source, path)
        source = draft.source
        if is_inline(image):  # megabytes that no search could use
            source = without(source, path)
        return source, image if asked else None

    def _image_too(self) -> str:
        if self._image is None or not self._image.asked:
            return ""
        return f", and no picture in {self._image.path}"

    def _record_id(self, record: Record, draft: Draft) -> str:
        """Id of the record that the draft is of, or was of where it is a document of ours."""
        if not record.own:
            return draft.id
        stored = {**record.fields, OWN_FIELD: record.own}
        return records_of(draft.id, stored, self._fields.id or DEFAULT_ID)[0]

    def _language(self, draft: Draft, text: str, *, stored: bool) -> tuple[str, str]:
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
            raise Unfit(f"the language is {kind_of(tag)}, not text")
        if stored and is_tag(tag):
            return _normalized(tag), DECLARED
        try:
            said = self._values.read(tag)
        except UnknownLanguage as error:
            raise Unfit(str(error)) from error
        if said.language is not None:
            return said.language, DECLARED
        found = self._detector.detect(text)
        if found == UNDETERMINED:
            if said.doubt:
                raise Unfit(said.doubt)
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


_normalized = lru_cache(maxsize=1024)(normalize)


def _hash(stored: Fields) -> str:
    try:
        canonical = exact_json.dumps(stored, orjson.OPT_SORT_KEYS)
    except InvalidJson as error:  # from an index, which holds more than can be written again
        raise Unfit(str(error)) from error
    return hashlib.sha256(canonical).hexdigest()[:32]


class Builder(Protocol):
    """Makes documents out of records."""

    @property
    def needs_all(self) -> bool:
        """Whether it must see every record, in order, those too that are done with."""

    def build(self, record: Record) -> Iterator[Document | Deletion | Rejection]:
        """The record's documents, and why there are not more of them; or what is to go."""
