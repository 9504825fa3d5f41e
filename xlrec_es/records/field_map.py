"""Which of the user's fields is the id, the title, the language ..."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from xlrec_es.errors import ConfigError
from xlrec_es.languages import is_tag
from xlrec_es.records.record import Fields

PLACEHOLDER = "{language}"
"""Stands for a language tag in a path."""

USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": (
        *("id", "_id", "item_id", "product_id", "article_id", "post_id", "course_id", "video_id"),
        *("document_id", "doc_id", "movie_id", "book_id", "hotel_id", "offer_id", "job_id", "sku"),
        *("asin", "isbn", "gtin", "uuid", "guid", "key", "slug"),
    ),
    "language": (
        *("language", "lang", "locale", "language_code", "lang_code", "content_language"),
        *("original_language", "culture"),
    ),
    "title": (
        *("title", "name", "headline", "heading", "subject", "product_name", "item_name", "label"),
        *("caption", "original_title"),
    ),
    "text": (
        *("summary", "description", "text", "subtitle", "lead", "teaser", "excerpt", "abstract"),
        *("short_description", "overview", "synopsis", "plot", "tagline", "blurb"),
        *("long_description", "body", "content", "body_text", "details", "about", "bio"),
    ),
    "work": ("work", "work_id", "item_group_id", "group_id", "master_id", "translation_of"),
    "popularity": (
        *("popularity", "sales", "orders", "order_count", "purchases", "bookings", "views"),
        *("view_count", "page_views", "plays", "play_count", "downloads", "installs", "likes"),
        *("like_count", "enrollments", "num_subscribers", "rating_count", "num_ratings"),
        *("review_count", "votes", "vote_count"),
    ),
    "translations": ("translations", "localizations", "i18n", "locales", "languages"),
    "version": ("version", "updated_at", "updated", "modified_at", "last_modified", "changed_at"),
}
"""What catalogs call each field, the likeliest first; `FieldMap` has the first ones by itself."""


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Where a record keeps what. Paths may be dotted: `meta.title`.

    A path of `title` or `text` may have `{language}` in it, which stands for any language tag:
    `title_{language}` is `title_en`, `title_de` ..., `i18n.{language}.name` an object a language.
    The record then is one document for each language that it has.

    Attributes:
        id: The document's id: text or a whole number. None is the id that the source itself has
            for a record (an index), or else the field `id`.
        language: BCP 47 tag; where it is missing, the language is detected.
        title: Text, first in what is searched and encoded.
        text: More of it, in this order: text, or a list of texts.
        work: What language versions share; where it is missing, the id.
        popularity: How often it was used, bought, seen ...: a number of at least 0.
        translations: An object with one object of fields (title, text ...) for each language.
        version: What orders the states of a document: a whole number (a counter, milliseconds) or a
            date; None: a record is as new as the moment when it is read.
    """

    id: str | None = None
    language: str = "language"
    title: str = "title"
    text: tuple[str, ...] = ("summary", "description", "text")
    work: str = "work"
    popularity: str = "popularity"
    translations: str = "translations"
    version: str | None = None

    @classmethod
    def from_mapping(cls, paths: Mapping[str, Any]) -> FieldMap:
        """Make one from names and paths, as in the TOML table `[fields]`.

        Raises:
            ConfigError: An unknown name, or a path that is not text.
        """
        known = [field.name for field in fields(cls)]
        chosen: dict[str, Any] = {}
        for name, path in paths.items():
            if name not in known:
                raise ConfigError(f"there is no field {name!r} to map; use {', '.join(known)}")
            several = [path] if isinstance(path, str) else path
            if not isinstance(several, list) or not all(isinstance(p, str) and p for p in several):
                raise ConfigError(f"field {name}: {path!r} is not the name of a field")
            for path in several:
                _check_placeholder(name, path)
            if name == "text":
                chosen[name] = tuple(several)
            elif len(several) == 1:
                chosen[name] = several[0]
            else:
                raise ConfigError(f"field {name}: give one name; only text can be several fields")
        return cls(**chosen)

    @property
    def texts(self) -> tuple[str, ...]:
        """The paths of everything that is searched and encoded, in order."""
        return (self.title, *(path for path in self.text if path != self.title))

    @property
    def title_field(self) -> str:
        """The title's path in a document, as `_source` filters understand it: `title_*`."""
        return self.title.replace(PLACEHOLDER, "*")


def _check_placeholder(name: str, path: str) -> None:
    """Refuse a placeholder where there can be none.

    Raises:
        ConfigError: It is in the path of something that has no language, or is there twice.
    """
    if PLACEHOLDER in path and name not in ("title", "text"):
        raise ConfigError(f"field {name}: {PLACEHOLDER} can be in the fields of title and text")
    if path.count(PLACEHOLDER) > 1:
        raise ConfigError(f"field {name}: {path} has {PLACEHOLDER} twice")


def lookup(record: Fields, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The value at a dotted path, or None. A key that has the dots in its name comes first."""
    if path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    inner = record.get(head)
    return lookup(inner, rest) if dot and isinstance(inner, Mapping) else None


def tags_of(record: Fields, path: str) -> list[str]:
    """The language tags that stand where the path has its placeholder, in the record's order."""
    before, found, after = path.partition(PLACEHOLDER)
    if not found:
        return []
    outer, _, before_in_name = before.rpartition(".")
    after_in_name, _, _ = after.partition(".")
    inner = lookup(record, outer) if outer else record
    tags = _tags(record, before, after)  # a name that has the dots in it
    if isinstance(inner, Mapping):
        tags += _tags(inner, before_in_name, after_in_name)
    return [t for t in dict.fromkeys(tags) if lookup(record, path.replace(PLACEHOLDER, t))]


def _tags(names: Iterable[str], before: str, after: str) -> list[str]:
    fitting = (name for name in names if name.startswith(before) and name.endswith(after))
    tags = (name[len(before) : len(name) - len(after)] for name in fitting)
    return [tag for tag in tags if is_tag(tag)]


def without(record: Fields, path: str) -> dict[str, Any]:
    """A copy of the record that lacks the value at a dotted path."""
    copy = dict(record)
    head, dot, rest = path.partition(".")
    if path in copy:
        del copy[path]
    elif dot and isinstance(copy.get(head), Mapping):
        copy[head] = without(copy[head], rest)
    return copy


def only(record: Fields, paths: Iterable[str]) -> dict[str, Any]:
    """The record with nothing but the values at these dotted paths."""
    kept: dict[str, Any] = {}
    deeper: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        head, dot, rest = path.partition(".")
        if path in record:
            kept[path] = record[path]
        elif dot and isinstance(record.get(head), Mapping):
            deeper[head].append(rest)
    inner = {head: only(record[head], rests) for head, rests in deeper.items()}
    return kept | {head: values for head, values in inner.items() if values}
