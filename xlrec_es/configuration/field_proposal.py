"""Which field of a catalog is the id, the title, the language ..., by names and values. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from xlrec_es.configuration.columns import CatalogSample, Column, single_values
from xlrec_es.errors import UnknownLanguage
from xlrec_es.languages import is_tag
from xlrec_es.records.drafts import Draft, drafts_of
from xlrec_es.records.envelope import opened
from xlrec_es.records.field_map import PLACEHOLDER, USUAL_NAMES, FieldMap, lookup
from xlrec_es.records.language_values import LanguageValues
from xlrec_es.records.record import Record
from xlrec_es.records.values import Unfit, id_of, popularity_of, version_of, work_of

_PLAIN = re.compile(r"[\W_]+")
_MARK = re.compile(r"(?<=.)[_-]")
_MOST_LANGUAGES = 12  # that are named in a comment


@dataclass(frozen=True, slots=True)
class Proposal:
    """A field map, and what speaks for it.

    Attributes:
        paths: By the names of `FieldMap`; what is not there was not found.
        why: A remark for each of them.
        missing: What could not be found, and what then happens.
        languages: Tags that the sample has.
    """

    paths: Mapping[str, str | list[str]]
    why: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)
    languages: Sequence[str] = ()

    @property
    def fields(self) -> FieldMap:
        """As the worker understands it."""
        return FieldMap.from_mapping({n: p for n, p in self.paths.items() if n != "version"})


def fold(name: str) -> str:
    """A name as letters and digits alone: `productName` and `product_name` are the same."""
    return _PLAIN.sub("", name).lower()


def find(columns: Mapping[str, Column], names: Sequence[str]) -> Iterator[Column]:
    """The columns of these names, the likeliest first; those that stand in no object before."""
    by_depth = sorted(columns.values(), key=lambda column: column.path.count("."))
    for name in names:
        yield from (column for column in by_depth if fold(column.name) == fold(name))


def propose(sample: CatalogSample) -> Proposal:
    """Say which field is which; each is one that the worker would read without a complaint."""
    paths: dict[str, str | list[str]] = {}
    why: dict[str, str] = {}
    missing: dict[str, str] = {}
    _propose_id(sample, paths, why, missing)
    translations = next(filter(_is_by_language, _named(sample, "translations")), None)
    if translations is not None:
        tags = dict.fromkeys(tag for value in translations.values for tag in value)
        paths["translations"] = translations.path
        why["translations"] = f"an object for each language: {_some(tags)}"
    languages = _propose_language(sample, paths, why, missing)
    _propose_texts(sample, paths, why, missing)
    _propose_others(sample, paths, why)
    if in_names := _languages_in(sample, paths):
        missing.pop("language", None)
        for name in ("title", "text"):
            if PLACEHOLDER in str(paths.get(name)):
                why[name] = f"{PLACEHOLDER}: {_some(in_names)}"
    return Proposal(paths, why, missing, tuple(in_names or languages))


def _propose_id(
    sample: CatalogSample,
    paths: dict[str, str | list[str]],
    why: dict[str, str],
    missing: dict[str, str],
) -> None:
    total = len(sample.records)
    if sample.is_index:
        why["id"] = "of an index, its own _id"
    elif column := next((c for c in _named(sample, "id") if _is_id(c, total)), None):
        example = shortened(column.values[0])
        paths["id"], why["id"] = column.path, f"all of {total} differ, such as {example}"
    elif any(record.id is None for record in sample.records):
        missing["id"] = "no field of a usual name differs in every record; records need an id"


def _propose_others(
    sample: CatalogSample, paths: dict[str, str | list[str]], why: dict[str, str]
) -> None:
    """What a catalog may have besides: the work, the popularity, the version."""
    total = len(sample.records)
    for name, fits in (("work", work_of), ("popularity", popularity_of)):
        for column in _named(sample, name):
            if _all_fit(column, fits) and (name != "work" or _repeats(column)):
                paths[name], why[name] = column.path, f"in {len(column.values)} of {total}"
                break
    for column in _named(sample, "version"):
        if len(column.values) == total and _all_fit(column, lambda value: version_of(value, "")):
            paths["version"] = column.path
            why["version"] = f"such as {shortened(column.values[0])}"
            break


def _named(sample: CatalogSample, name: str) -> Iterator[Column]:
    return find(sample.columns, USUAL_NAMES[name])


def _is_id(column: Column, total: int) -> bool:
    if len(column.values) < total:
        return False
    try:
        return len({id_of(value, column.path) for value in column.values}) == total
    except Unfit:
        return False


def _repeats(column: Column) -> bool:
    return len(set(map(str, column.values))) < len(column.values)


def _all_fit(column: Column, fits: Callable[[object], object]) -> bool:
    try:
        for value in column.values:
            fits(value)
    except Unfit:
        return False
    return True


def _is_text(column: Column) -> bool:
    return all(isinstance(value, str) for value in single_values(column.values))


def _is_by_language(column: Column) -> bool:
    return all(
        isinstance(value, Mapping)
        and value
        and all(is_tag(tag) and isinstance(inner, Mapping) for tag, inner in value.items())
        for value in column.values
    )


def _propose_language(
    sample: CatalogSample,
    paths: dict[str, str | list[str]],
    why: dict[str, str],
    missing: dict[str, str],
) -> list[str]:
    """The field of the language; returns the tags that the sample has."""
    reader = LanguageValues()
    tags: Counter[str] = Counter()
    for column in _named(sample, "language"):
        if not all(isinstance(value, str) for value in column.values):
            continue
        try:
            said = [reader.read(value).language for value in column.values]
        except UnknownLanguage:
            continue
        tags.update(tag for tag in said if tag is not None)
        paths["language"] = column.path
        why["language"] = f"{_some(tags)}; in {len(said)} of {len(sample.records)}"
        break
    else:
        if "translations" not in paths:
            missing["language"] = "the worker detects the language of each text"
    if isinstance(at := paths.get("translations"), str):
        tags.update(tag for value in sample.columns[at].values for tag in value)
    return list(tags)


def _propose_texts(
    sample: CatalogSample,
    paths: dict[str, str | list[str]],
    why: dict[str, str],
    missing: dict[str, str],
) -> None:
    """The fields of title and text, those of one name a language as one path."""
    columns = dict(sample.columns)
    if isinstance(at := paths.get("translations"), str):
        columns = {p: c for p, c in columns.items() if p != at and not p.startswith(f"{at}.")}
        columns |= sample.inside(at)
    patterns = _patterns(columns)
    titles = _paths_named(columns, patterns, "title")
    texts = _paths_named(columns, patterns, "text")
    if titles:
        paths["title"], why["title"] = titles[0], _example(columns, titles[0])
    elif texts:
        missing["title"] = "no field of a usual name; the text alone is searched and encoded"
    if texts:
        paths["text"], why["text"] = texts, "in this order, behind the title"
    elif not titles:
        missing["title"] = "no field of a usual name; name the one that has the title"
        missing["text"] = "no field of a usual name; name those that have texts"


def _paths_named(
    columns: Mapping[str, Column], patterns: Mapping[str, str], role: str
) -> list[str]:
    """The paths that hold such a text, the likeliest first."""
    names = USUAL_NAMES[role]
    by_language = [p for n in names for p, base in patterns.items() if fold(base) == fold(n)]
    plain = [column.path for column in find(columns, names) if _is_text(column) and column.values]
    covered = {path for path in plain if any(_matches(path, p) for p in by_language)}
    return list(dict.fromkeys([*by_language, *(path for path in plain if path not in covered)]))


def _patterns(columns: Mapping[str, Column]) -> dict[str, str]:
    """Paths with a language in them, where there are two or more: by path, the name without it."""
    tags: dict[str, set[str]] = {}
    bases: dict[str, str] = {}
    for path, column in columns.items():
        if not _is_text(column):
            continue
        for pattern, base, tag in _readings(path):
            tags.setdefault(pattern, set()).add(tag)
            bases[pattern] = base
    return {pattern: bases[pattern] for pattern, found in tags.items() if len(found) > 1}


def _readings(path: str) -> Iterator[tuple[str, str, str]]:
    """Each way to take a part of a path for a language: path, name without it, tag."""
    parts = path.split(".")
    for place, part in enumerate(parts):
        if len(parts) > 1 and is_tag(part):  # title.en, i18n.en.title
            others = parts[:place] + parts[place + 1 :]
            yield ".".join([*parts[:place], PLACEHOLDER, *parts[place + 1 :]]), others[-1], part
    for mark in _MARK.finditer(parts[-1]):  # title_en, name-pt-BR
        base, tag = parts[-1][: mark.end()], parts[-1][mark.end() :]
        if is_tag(tag):
            yield ".".join([*parts[:-1], f"{base}{PLACEHOLDER}"]), base, tag
            return


def _matches(path: str, pattern: str) -> bool:
    before, _, after = pattern.partition(PLACEHOLDER)
    return path.startswith(before) and path.endswith(after)


def _languages_in(sample: CatalogSample, paths: Mapping[str, str | list[str]]) -> list[str]:
    several = (path if isinstance(path, list) else [path] for path in paths.values())
    mine = {path for some in several for path in some if PLACEHOLDER in path}
    found = (one for path in sample.columns for one in _readings(path))
    return list(dict.fromkeys(tag for pattern, _, tag in found if pattern in mine))


def _example(columns: Mapping[str, Column], path: str) -> str:
    column = columns.get(path)
    if column is None:
        return PLACEHOLDER
    return f"such as {shortened(column.values[0])}"


def shortened(value: object, most: int = 40) -> str:
    """A value on one line, cut where it is long."""
    text = " ".join(str(value).split())
    return repr(text if len(text) <= most else f"{text[: most - 1]}…")


def _some(tags: Iterable[str]) -> str:
    names = list(tags)
    more = f" and {len(names) - _MOST_LANGUAGES} more" if len(names) > _MOST_LANGUAGES else ""
    return ", ".join(names[:_MOST_LANGUAGES]) + more


@dataclass(frozen=True, slots=True)
class Reading:
    """How the worker would read the sample.

    Attributes:
        drafts: Of each record that makes documents.
        refused: How many records make none, by reason.
    """

    drafts: Sequence[tuple[Record, Sequence[Draft]]]
    refused: Mapping[str, int]


def read(sample: CatalogSample, fields: FieldMap) -> Reading:
    """Make documents of the sample, but for what takes a model."""
    drafts: list[tuple[Record, Sequence[Draft]]] = []
    refused: Counter[str] = Counter()
    for record in sample.records:
        one = opened(record, fields)
        try:
            made = drafts_of(one, fields)
            popularity_of(lookup(one.fields, fields.popularity))
        except Unfit as error:
            refused[str(error)] += 1
        else:
            drafts.append((one, made))
    return Reading(drafts, refused)
