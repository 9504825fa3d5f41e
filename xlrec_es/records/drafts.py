"""From a record to the documents that it makes: one, or one for each language that it carries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.records.envelope import ID, metadata_in
from xlrec_es.records.field_map import PLACEHOLDER, FieldMap, lookup, tags_of, without
from xlrec_es.records.record import Fields, Record
from xlrec_es.records.renditions import DEFAULT_ID, rendition_id
from xlrec_es.records.values import Unfit, id_of, kind_of


@dataclass(frozen=True, slots=True)
class Draft:
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


def id_in(record: Record, fields: FieldMap) -> str:
    """The same as text.

    Raises:
        Unfit: There is none, or it can be no document's.
    """
    return id_of(record_id(record, fields), fields.id or DEFAULT_ID)


def drafts_of(whole: Record, paths: FieldMap) -> list[Draft]:
    """The documents that a record makes, before their texts are cleaned.

    Args:
        whole: The record.
        paths: Which of its fields is which.

    Raises:
        Unfit: It makes none, and why.
    """
    record = whole.fields
    if OWN_FIELD in record:
        raise Unfit(f"the field {OWN_FIELD} is this program's own; rename or remove it")
    if reason := metadata_in(record):
        raise Unfit(reason)
    id_ = id_in(whole, paths)
    tag = lookup(record, paths.language)
    if whole.own:  # a document of ours already, in one language
        tag = whole.own.get("language")
        here = [p for path in paths.texts for p in paths_in(record, path)]
        return [Draft(id_, tag, record, tuple(here), record, is_rendition=False)]
    if tags := list(dict.fromkeys(t for path in paths.texts for t in tags_of(record, path))):
        return list(_by_fields(paths, id_, record, tag, tags))
    if translations := lookup(record, paths.translations):
        return list(_by_object(paths, id_, record, tag, translations))
    return [Draft(id_, tag, record, paths.texts, record, is_rendition=False)]


def _by_fields(
    fields: FieldMap, id_: str, record: Fields, own: object, tags: list[str]
) -> Iterator[Draft]:
    """A draft for each language that has fields of its own.

    Text fields without a language belong to the language that the record declares; if it
    declares none, to all of them.
    """
    paths = fields.texts
    plain = [path for path in paths if PLACEHOLDER not in path]
    own = next((tag for tag in tags if _spelled_alike(tag.replace("_", "-"), own)), own)
    if isinstance(own, str) and own and own not in tags and any(texts_at(record, plain)):
        tags = [own, *tags]
    for tag in tags:
        elsewhere = [_in_language(path, other) for path in paths for other in tags]
        here = [_in_language(path, tag) for path in paths]
        if own and tag != own:
            here = [path for path in here if path not in plain]
            elsewhere.append(fields.language)
        source = record
        for path in elsewhere:
            source = source if path in here else without(source, path)
        yield Draft(id_, tag, record, tuple(here), source, is_rendition=True)


def _by_object(
    paths: FieldMap, id_: str, record: Fields, tag: object, translations: object
) -> Iterator[Draft]:
    """A draft for each translation, and one for the record's own language."""
    if not isinstance(translations, Mapping):
        raise Unfit(f"{paths.translations} is {kind_of(translations)}, not an object")
    own = shared = without(record, paths.translations)
    for path in (paths.language, *paths.texts):
        shared = without(shared, path)
    translated = isinstance(tag, str) and tag in translations
    if tag and not translated and any(texts_at(own, paths.texts)):
        yield Draft(id_, tag, own, paths.texts, own, is_rendition=True)
    for tag, fields in translations.items():
        source = {**shared, **fields} if isinstance(fields, Mapping) else {}
        yield Draft(id_, tag, fields, paths.texts, source, is_rendition=True)


def _in_language(path: str, tag: str) -> str:
    return path.replace(PLACEHOLDER, tag)


def paths_in(record: Fields, path: str) -> list[str]:
    """What a path stands for in a record: itself, or a path for each language."""
    if PLACEHOLDER not in path:
        return [path]
    return [_in_language(path, tag) for tag in tags_of(record, path)]


def _spelled_alike(tag: str, other: object) -> bool:
    """Whether two tags are the same but for `EN_us` and `en-US`."""
    return isinstance(other, str) and tag.lower() == other.lower().replace("_", "-")


def texts_at(fields: Fields, paths: Iterable[str]) -> Iterator[str]:
    """The texts at these paths, in order; a list of texts counts as several.

    Raises:
        Unfit: Something there is no text.
    """
    for path in paths:
        value = lookup(fields, path)
        several = value if isinstance(value, list) else [] if value is None else [value]
        for text in several:
            if not isinstance(text, str):
                raise Unfit(f"{path} is or has {kind_of(text)}, not text")
            yield text
