"""A placement: what is decided of one shelf, as JSON or TOML has it, and as the library needs it.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from xlrec_es.errors import PlacementRefused, UsageError
from xlrec_es.experiments.assignment import Experiment
from xlrec_es.languages import normalize
from xlrec_es.placements.given_options import faults_of
from xlrec_es.placements.query_check import check_fuzzy_terms, check_query
from xlrec_es.recommend.curation import Bury, Curation, Pin

KEYS = (
    *("options", "languages", "size", "exclude_items", "pins", "buries", "variants", "salt"),
    "note",
)
MAX_BYTES = 128 * 2**10
"""Of a definition as JSON: twenty of them are in one document."""

MAX_VARIANTS = 10
MAX_SIZE = 1000

NAME = r"^[a-z0-9]+([-_][a-z0-9]+)*$"
MAX_NAME = 64
_NAME = re.compile(NAME)


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the options that are compared.

    Attributes:
        share: The part of the users that see it, 0 to 1.
        options: Over those of the placement; filters add up.
    """

    share: float
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placement:
    """What is decided of one shelf.

    Attributes:
        options: As requests name them; see `given_options.overlaid`.
        languages: Target languages, or the part of the slots of each; None: as a request says.
        size: Of a list, where a request says nothing else; None: 10.
        curation: Pins, buries and exclusions.
        variants: Of the experiment, by name; none: there is no experiment.
        salt: Of the experiment: users are divided again where it changes.
        note: For people.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    languages: tuple[str, ...] | Mapping[str, float] | None = None
    size: int | None = None
    curation: Curation = field(default_factory=Curation)
    variants: Mapping[str, Variant] = field(default_factory=dict)
    salt: str | None = None
    note: str | None = None

    def experiment(self, salt: str) -> Experiment | None:
        """The experiment, if there is one.

        Args:
            salt: Where the placement has none of its own.
        """
        if not self.variants:
            return None
        return Experiment(self.salt or salt, {n: one.share for n, one in self.variants.items()})


def check_name(name: str) -> str:
    """The name of a placement, if it is one.

    Raises:
        UsageError: It is none.
    """
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a placement; use small letters and digits, with hyphens "
            f"between them and {MAX_NAME} characters at most, such as home-row"
        )
    return name


def read_placement(definition: object) -> Placement:
    """A placement, out of what JSON or TOML holds.

    Args:
        definition: An object of `KEYS`.

    Raises:
        PlacementRefused: It is none; all that is wrong is told.
    """
    if not isinstance(definition, dict):
        raise PlacementRefused(["a placement is an object; see the guide for its keys"])
    faults = list(_faults(definition))
    if faults:
        raise PlacementRefused(faults)
    languages = definition.get("languages")
    if isinstance(languages, dict):
        languages = {normalize(tag): float(part) for tag, part in languages.items()}
    elif languages is not None:
        languages = tuple(dict.fromkeys(map(normalize, languages)))
    return Placement(
        options=definition.get("options") or {},
        languages=languages,
        size=definition.get("size"),
        curation=_curation(definition),
        variants={
            name: Variant(one["share"], one.get("options") or {})
            for name, one in (definition.get("variants") or {}).items()
        },
        salt=definition.get("salt"),
        note=definition.get("note"),
    )


def _faults(definition: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"a placement has no {key!r}; there are {', '.join(KEYS)}"
        for key in definition
        if key not in KEYS
    )
    if len(orjson.dumps(definition, default=str)) > MAX_BYTES:
        yield f"the definition has more than {MAX_BYTES // 1024} KiB as JSON; make it smaller"
    option_faults = [*faults_of(_given(definition, "options"), "options")]
    yield from option_faults
    yield from _language_faults(definition.get("languages"))
    size = definition.get("size")
    if size is not None and (type(size) is not int or not 1 <= size <= MAX_SIZE):
        yield f"size must be a whole number from 1 to {MAX_SIZE}"
    for key in ("salt", "note"):
        if not isinstance(definition.get(key), str | None):
            yield f"{key} must be a text"
    forms = [*_form_faults(definition)]
    yield from forms
    if not forms:
        yield from _told(lambda: _curation(definition))
        yield from _query_faults(definition, {} if option_faults else _given(definition, "options"))
    yield from _variant_faults(_given(definition, "variants"), definition.get("salt"))


def _query_faults(definition: Mapping[str, Any], options: Any) -> Iterator[str]:  # noqa: ANN401
    """What is wrong with the queries of buries, which are asked with those of the options."""
    buries = [one for one in definition.get("buries") or () if isinstance(one, dict)]
    queries = [one["query"] for one in buries if one.get("query") is not None]
    faults = [fault for query in queries for fault in _told(lambda query=query: check_query(query))]
    yield from faults
    asked = [*(options.get("filters") or ())]
    asked += [one["query"] for one in options.get("boosts") or ()]
    # What is wrong with the options' own is told where they are tried with an index.
    if (
        queries
        and not faults
        and not any(any(_told(lambda one=one: check_query(one))) for one in asked)
    ):
        yield from _told(lambda: check_fuzzy_terms([*asked, *queries]))


def _given(definition: Mapping[str, Any], key: str) -> object:
    """What stands under a key; an empty object for null."""
    value = definition.get(key)
    return {} if value is None else value


def _told(make: Any) -> Iterator[str]:  # noqa: ANN401 - any function without arguments
    try:
        make()
    except UsageError as error:
        yield str(error)


def _language_faults(languages: object) -> Iterator[str]:
    if languages is None:
        return
    if isinstance(languages, dict):
        for tag, part in languages.items():
            if isinstance(part, bool) or not isinstance(part, int | float) or not part > 0:
                yield f"the part of the slots of {tag!r} must be a number above 0"
    elif not isinstance(languages, list | tuple):
        yield 'languages must be a list of tags, or a part by tag: {"ja": 0.7, "de": 0.3}'
        return
    tags = [tag for tag in languages if isinstance(tag, str)]
    if len(tags) < len(languages) or not tags:
        yield "languages must be tags such as ja, at least one; leave it out for those of the index"
    for tag in tags:
        yield from _told(lambda tag=tag: normalize(tag))


def _form_faults(definition: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the form of lists of items."""
    for key, form, fits in (
        ("exclude_items", "a list of ids", lambda one: isinstance(one, str) and one),
        ("pins", 'a list of objects such as {"item": "7", "place": 1}', _is_pin),
        (
            "buries",
            'a list of ids, or of objects such as {"query": {...}, "factor": 0.5}',
            _is_bury,
        ),
    ):
        value = definition.get(key)
        if value is not None and not (isinstance(value, list | tuple) and all(map(fits, value))):
            yield f"{key} must be {form}"


def _is_pin(one: object) -> bool:
    if not isinstance(one, dict) or set(one) != {"item", "place"}:
        return False
    return isinstance(one["item"], str) and type(one["place"]) is int


def _is_bury(one: object) -> bool:
    if isinstance(one, str):
        return bool(one)
    if not isinstance(one, dict) or not set(one) <= {"item", "query", "factor"}:
        return False
    return (
        isinstance(one.get("item"), str | None)
        and isinstance(one.get("query"), dict | None)
        and type(one.get("factor", 0)) in (int, float)
    )


def _curation(definition: Mapping[str, Any]) -> Curation:
    """Pins, buries and exclusions of a definition of the right form.

    Raises:
        UsageError: They cannot be.
    """
    buries: Iterable[Any] = definition.get("buries") or ()
    return Curation(
        pins=tuple(Pin(one["item"], one["place"]) for one in definition.get("pins") or ()),
        buries=tuple(Bury(one) if isinstance(one, str) else Bury(**one) for one in buries),
        excluded=tuple(dict.fromkeys(definition.get("exclude_items") or ())),
    )


def _variant_faults(variants: object, salt: object) -> Iterator[str]:
    if not isinstance(variants, dict):
        yield 'variants must be an object such as {"a": {"share": 0.5, "options": {...}}, ...}'
        return
    if not variants:
        return
    if len(variants) == 1 or len(variants) > MAX_VARIANTS:
        yield f"an experiment has 2 to {MAX_VARIANTS} variants; there are {len(variants)}"
    forms = []
    for name, one in variants.items():
        place = f"the variant {name!r}"
        if not isinstance(one, dict) or not {"share"} <= set(one) <= {"share", "options"}:
            forms.append(f"{place} must have a share, and may have options")
        elif isinstance(one["share"], bool) or not isinstance(one["share"], int | float):
            forms.append(f"the share of {name!r} must be a number from 0 to 1")
        else:
            yield from faults_of(_given(one, "options"), place)
    yield from forms
    if not forms:
        shares = {name: one["share"] for name, one in variants.items()}
        yield from _told(
            lambda: Experiment(salt if isinstance(salt, str) and salt else "-", shares)
        )
