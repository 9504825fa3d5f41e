"""What is decided before a search is sent: options, target languages, the searches. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xlrec_es.errors import UnknownItems, UnknownLanguage, UsageError
from xlrec_es.index.hits import LANGUAGE_FIELD, title_of, vector_of, work_of
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.interactions.weighting import WeightRules, weigh
from xlrec_es.languages import normalize
from xlrec_es.recommend.fusion import AUTO, EQUAL
from xlrec_es.recommend.profile import (
    FEW_INTERESTS,
    MAX_INTERESTS,
    PUSH,
    HistoryDocument,
    Profile,
    build_profile,
)
from xlrec_es.recommend.queries import (
    COLLABORATIVE,
    DENSE,
    LEGS,
    LEXICAL,
    POPULARITY,
    SearchOptions,
    SearchRequest,
    build_requests,
)
from xlrec_es.recommend.recommendations import History, Vector
from xlrec_es.recommend.retrievers import one_search_each

WEIGHTS: Mapping[str, float] = {DENSE: 0.0375, LEXICAL: 0.0125, COLLABORATIVE: 0.95}
"""Fusion weights where the index has none of its own in `_meta.xlrec.weights` (`xlrec-es tune`).

Measured (README, "Evaluate"), in both pools, on persons that it was not chosen by: at most .0012 of
recall below the best leg on two catalogues; above it, inside the noise, on a third.
"""

COLD_WEIGHTS: Mapping[str, float] = {POPULARITY: 1.0}
"""For a person who is not known to like anything."""

WEIGHTED = "weighted"
RECIPROCAL_RANK = "rrf"


@dataclass(frozen=True, slots=True)
class Options:
    """How recommendations are made.

    Attributes:
        rules: What each interaction weighs.
        max_interests: See `profile.build_profile`; None for the index's own, else
            `profile.MAX_INTERESTS`, or `profile.FEW_INTERESTS` where the collaborative leg weighs
            as much as the dense one and the index has indicators.
        push: See `profile.build_profile`.
        weights: Fusion weight by leg; None for the index's own, else `WEIGHTS`. A leg of weight 0,
            or without a weight, is not searched.
        fusion: `weighted` (see `fusion.fuse`) or `rrf` (see `fusion.reciprocal_rank`).
        rank_constant: For `rrf`.
        mix: `equal`, `auto`, or a part by language: see `fusion.share_out`.
        exclude: Languages that are never recommended.
        diversity: See `fusion.diversify`; 0 leaves the order.
        explain: Ask for what the documents that were chosen hold, and say which history items
            spoke for each.
        server_side: Have Elasticsearch fuse the legs of each language, which takes an enterprise or
            trial licence; see `retrievers` for what differs.
        search: How deep each search goes, and where.
    """

    rules: WeightRules = field(default_factory=WeightRules)
    max_interests: int | None = None
    push: float = PUSH
    weights: Mapping[str, float] | None = None
    fusion: str = WEIGHTED
    rank_constant: int = 60
    mix: str | Mapping[str, float] = EQUAL
    exclude: tuple[str, ...] = ()
    diversity: float = 0.0
    explain: bool = True
    server_side: bool = False
    search: SearchOptions = field(default_factory=SearchOptions)

    def __post_init__(self) -> None:
        _check(
            self.max_interests is None or self.max_interests >= 1,
            f"max_interests is {self.max_interests}; use at least 1",
        )
        _check(0 <= self.push <= 1, f"push is {self.push}; use 0 to 1")
        _check(0 <= self.diversity <= 1, f"diversity is {self.diversity}; use 0 to 1")
        _check(self.rank_constant > 0, f"rank_constant is {self.rank_constant}; use 1 or more")
        _check(
            self.fusion in (WEIGHTED, RECIPROCAL_RANK),
            f"fusion is {self.fusion!r}; use {WEIGHTED} or {RECIPROCAL_RANK}",
        )
        if isinstance(self.mix, str):
            _check(
                self.mix in (EQUAL, AUTO),
                f"mix is {self.mix!r}; use {EQUAL}, {AUTO}, or a part by language",
            )
        else:
            for language, part in self.mix.items():
                _check(
                    0 < part < math.inf,
                    f"the part of {language!r} is {part}; give a finite number above zero",
                )
        if self.weights is not None:
            _check_weights(self.weights)
        if self.server_side:
            _check(
                self.mix != AUTO and not self.search.boosts,
                "server_side gives no scores that languages could be compared by, nor any that "
                "boosts could multiply: leave out mix 'auto' and boosts, or server_side",
            )


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise UsageError(otherwise)


def _check_weights(weights: Mapping[str, float]) -> None:
    for leg, weight in weights.items():
        _check(
            leg in LEGS and 0 <= weight < math.inf,
            f"weight {leg}={weight}: use finite weights of at least 0 for {', '.join(LEGS)}",
        )
    _check(any(weights.values()), "all weights are 0; give at least one leg a weight")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a history's items.

    Attributes:
        documents: Every rendition of the works that say something.
        others: Work by document id, of items that say nothing: seen, and no more.
        free_texts: Calibrated vector by free text of the history.
    """

    documents: Sequence[HistoryDocument] = ()
    others: Mapping[str, str] = field(default_factory=dict)
    free_texts: Mapping[str, Vector] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is known before the searches are sent.

    Attributes:
        live: The index.
        profile: The person.
        languages: Target languages.
        requests: The searches.
        weights: Fusion weight by leg.
        unknown_items: Ids of the history that no document has.
        notes: What was left out and why.
    """

    live: LiveIndex
    profile: Profile
    languages: tuple[str, ...]
    requests: tuple[SearchRequest, ...]
    weights: Mapping[str, float]
    unknown_items: tuple[str, ...]
    notes: tuple[str, ...]


def make_plan(
    live: LiveIndex,
    history: History,
    known: Known,
    *,
    languages: Iterable[str] | None,
    options: Options,
    own_languages: bool = False,
) -> Plan:
    """Decide everything that can be decided from the history's documents.

    Args:
        live: The index.
        history: What the person did.
        known: What the index and the encoder say of its items and texts.
        languages: Target languages; None for all of the index but those of what was liked.
        options: How.
        own_languages: Without target languages, take those of what was liked, not the others.

    Raises:
        UnknownItems: The history names items, and the index has none of them.
        UnknownLanguage: Not a language tag, or none of the index's languages.
        UsageError: An event without a weight, or a market that the index does not know.
    """
    has = {name for document in known.documents for name in (document.work, document.id)}
    has.update(known.others, known.others.values())
    unknown = tuple(item for item in history.items if item not in has)
    if unknown and not has and not history.texts:
        raise UnknownItems(
            f"{live.name} has no work or document with the id "
            + " or ".join(repr(item) for item in unknown[:5]),
            items=unknown,
        )
    weights = options.weights or live.meta.weights or WEIGHTS
    documents = _in_languages(known.documents, history.languages)
    profile = build_profile(
        documents,
        _work_weights(weigh(history, options.rules), documents),
        free_texts=known.free_texts,
        also_seen=known.others.values(),
        max_interests=options.max_interests or max_interests(live, weights),
        push=options.push,
    )
    if languages is None and own_languages:
        languages = sorted(profile.languages)
    excluded = {normalize(language) for language in options.exclude}
    targets = _targets(languages, live, profile, excluded)
    notes = []
    if not profile.interests:
        weights = COLD_WEIGHTS
        notes.append("nothing is known that this person likes: what most people like is shown")
    legs = [leg for leg in LEGS if weights.get(leg, 0) > 0]
    without = [language for language in targets if language not in profile.texts]
    if LEXICAL in legs and without:
        notes.append(f"no lexical leg for {', '.join(without)}: the history has no text in them")
    requests = build_requests(
        profile,
        languages=targets,
        legs=legs,
        index=live.name,
        options=options.search,
        markets=_markets(options.search.market, targets, live),
    )
    if options.server_side:
        constant = options.rank_constant if options.fusion == RECIPROCAL_RANK else None
        requests = one_search_each(requests, weights=weights, rank_constant=constant)
    return Plan(live, profile, targets, requests, weights, unknown, tuple(notes))


def max_interests(live: LiveIndex, weights: Mapping[str, float]) -> int:
    """How many interests a profile has where nobody says."""
    if "max_interests" in live.meta.options:
        return int(live.meta.options["max_interests"])
    carried = live.meta.indicators and weights.get(COLLABORATIVE, 0) >= weights.get(DENSE, 0)
    return FEW_INTERESTS if carried else MAX_INTERESTS


def read_documents(
    hits: Iterable[Mapping[str, Any]], title_field: str | None
) -> list[HistoryDocument]:
    """The documents that answer `hits.history_body`; one without a vector is left out."""
    return [
        HistoryDocument(
            id=hit["_id"],
            work=work_of(hit),
            language=hit["fields"][LANGUAGE_FIELD][0],
            title=title_of(hit, title_field),
            vector=vector,
            routing=hit.get("_routing"),
        )
        for hit in hits
        if (vector := vector_of(hit)) is not None
    ]


def _in_languages(
    documents: Sequence[HistoryDocument], languages: Iterable[str] | None
) -> Sequence[HistoryDocument]:
    """Without the other renditions of works that are there in one of these languages."""
    if languages is None:
        return documents
    within = set(languages)
    there = {document.work for document in documents if document.language in within}
    return [d for d in documents if d.language in within or d.work not in there]


def _markets(wanted: str | None, languages: Iterable[str], live: LiveIndex) -> Mapping[str, str]:
    """By target language the market whose popularity counts, where one does."""
    known = live.meta.indicators.get("markets") or {}
    names = known.get("names", ())
    if wanted is not None:
        if wanted not in names:
            raise UsageError(
                f"{live.name} knows no market {wanted!r}, but {', '.join(names) or 'none'}; "
                "markets are learned by: xlrec-ingest indicators"
            )
        return dict.fromkeys(languages, wanted)
    if known.get("origin") != "language":
        return {}
    return {language: language for language in languages if language in names}


def _work_weights(
    weights: Mapping[str, float], documents: Sequence[HistoryDocument]
) -> dict[str, float]:
    """Weight by work: what was said of its documents and of itself adds up."""
    work_of = {document.id: document.work for document in documents}
    works = set(work_of.values())
    by_work: dict[str, float] = {}
    for item, weight in weights.items():
        work = item if item in works else work_of.get(item)
        if work is not None:
            by_work[work] = by_work.get(work, 0.0) + weight
    return by_work


def _targets(
    languages: Iterable[str] | None, live: LiveIndex, profile: Profile, excluded: set[str]
) -> tuple[str, ...]:
    """The target languages as the index spells them, each once."""
    has = live.meta.languages
    if languages is None:
        left = tuple(language for language in has if language not in excluded)
        languages = [language for language in left if language not in profile.languages] or left
    wanted = tuple(dict.fromkeys(normalize(language) for language in languages))
    for language in wanted:
        if language not in has:
            raise UnknownLanguage(
                f"{live.name} has no documents in {language!r}; it has: {', '.join(has)}"
            )
    wanted = tuple(language for language in wanted if language not in excluded)
    if not wanted:
        raise UsageError(
            "no target language; name at least one that is not excluded, or leave them out for all"
        )
    return wanted
