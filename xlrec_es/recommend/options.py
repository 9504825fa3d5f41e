"""How recommendations are made: retrievers, weights, searches, boosts, recency."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xlrec_es.errors import UsageError
from xlrec_es.index.fields import MAX_HITS, MAX_TERMS, RELATIONS
from xlrec_es.index.search_limits import DEFAULT_LIMITS, SearchLimits
from xlrec_es.interactions.weighting import WeightRules
from xlrec_es.languages import normalize

AUTO = "auto"
EQUAL = "equal"

PUSH = 0.5
"""How far interests are pushed away from what was disliked."""

MAX_CLAUSES = 1000
"""Parts of one query. Every node takes 1,024, and more the more memory it has for each thread.

Source: https://www.elastic.co/docs/reference/elasticsearch/configuration-reference/search-settings
"""

_DATES = frozenset(("date", "date_nanos"))
_DURATION = re.compile(r"[1-9]\d*(d|h|m|s)")


@dataclass(frozen=True, slots=True)
class Recency:
    """Popularity fades with age: after each half-life, half of it is left.

    A document without a date comes after all that have one. A date in the future fades like one
    that is as far in the past.

    Attributes:
        field: A date field of the user's: when the document was published, added, last sold ...
        half_life: In Elasticsearch's units of time: `30d`, `12h`, `90m`, `45s`.
    """

    field: str
    half_life: str = "30d"

    def __post_init__(self) -> None:
        if not self.field:
            raise UsageError("recency needs the name of a date field of yours")
        if not _DURATION.fullmatch(self.half_life):
            raise UsageError(
                f"the half-life {self.half_life!r} is none; give a whole number above zero and d, "
                "h, m or s, such as 30d"
            )

    def functions(self) -> list[dict[str, Any]]:
        """Factors for a `function_score` query that multiplies.

        Elasticsearch's own decay gives a document without a date the full score, so that is said
        separately.

        Source: https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-function-score-query
        """
        dated = {"exists": {"field": self.field}}
        fading = {self.field: {"origin": "now", "scale": self.half_life, "decay": 0.5}}
        return [
            {"filter": dated, "exp": fading},
            {"filter": {"bool": {"must_not": [dated]}}, "weight": 0.0},
        ]


DENSE = "dense"
LEXICAL = "lexical"
COLLABORATIVE = "collaborative"
POPULARITY = "popularity"
SPARSE = "sparse"
IMAGE = "image"
OF_EVERY_INDEX = (DENSE, LEXICAL, COLLABORATIVE, POPULARITY)
RETRIEVERS = (*OF_EVERY_INDEX, SPARSE, IMAGE)
"""What the others search by, an index has only where it was asked for; see `plan.retrievers_of`."""

IN_ONE_LANGUAGE = frozenset((LEXICAL, SPARSE))
"""Those whose scores mean nothing from one language to the next, and have a zero of their own.

Texts of one language share more words, and more tokens of one vocabulary, than those of two.
"""

EXPLORE = "explore"
"""The dense retriever among items that nobody liked yet; see `Options.explore`."""


@dataclass(frozen=True, slots=True)
class Boost:
    """A business rule: what matches a query is worth more, or less.

    Attributes:
        query: Any Elasticsearch query.
        factor: The fused score of what matches is multiplied by it; above zero.
    """

    query: Mapping[str, Any]
    factor: float

    def __post_init__(self) -> None:
        if not (0 < self.factor < math.inf):
            raise UsageError(f"the factor of a boost is {self.factor}; use a number above zero")


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How deep each search goes, and where.

    Attributes:
        candidates: Hits of each search, as many as the list is long at least. The interests of the
            dense retriever share them as `k`, with 10 each at least. Measured for lists of 10 on
            the
            sample: 30 and 50 alike, 20 a hundredth less.
        num_candidates: What HNSW looks at for them, per shard; at most 10,000. Shared alike, with
            20 each at least.
        exact: Look at all: exact where a language and the filters leave at most 10,000 documents
            of a shard, for Elasticsearch then compares every one of them.
        oversample: With quantized vectors: how many times `candidates` are compared again by their
            full vectors; None leaves it to the index.
        min_similarity: Centered cosine that a hit of the dense retriever must reach; None: any.
        query_terms: Most telling terms that the lexical retriever takes from the history's texts.
        query_texts: How many of the history's texts it reads, those of the heaviest works.
        filters: Elasticsearch queries that each result must match: in stock, price, market ...
        only: The works that can be found, by language; None: all. For evaluations.
        variants: By target language, the tags of the index that it names, where they are not
            itself alone. Recommenders set it as the index has them.
        boosts: See `Boost`.
        caps: At most so many results by value of a keyword field of the user's own: {"brand": 2}.
        source: The user's own fields that come back with each recommendation.
        collapse: Have Elasticsearch return one document a work from each search. Recommendations
            name a work once in any case; this is for catalogs that have many documents of one
            work in one language, and costs time.
        market: Whose popularity counts in the popularity retriever, where indicators were learned
            with markets; None: that of each target language's users if markets are languages, else
            everybody's.
        relation: Of which kind of association the collaborative retriever finds, one of
            `fields.RELATIONS`, which then decides alone (`Options.related`); None: of taste.
        recent: How popularity fades with age; None: it does not.
        binary_vectors: Write query vectors as base64 (float32, big-endian), which is half as long
            and read faster than numbers, but by no Elasticsearch before 9.4
            (https://github.com/elastic/elasticsearch/pull/140796). Recommenders set it as the
            index allows.
        max_terms: So many ids in one `terms` query; more are in several. Recommenders set it as the
            index allows.
        shared: In a list that languages share by the collaborative scores alone, how many of the
            best of all of them are looked at, for each language; 0: each is searched by itself.
            Recommenders set it.
        evidence: Each hit tells on how many users its associations rest, and each language is
            searched by itself. Recommenders set it for a cascade (`cascade.by_both`).
        passing: How many documents of each tag pass the filters, where that was counted.
            Recommenders set it: kNN under a narrow filter is exact (`queries.dense_body`).
    """

    candidates: int = 30
    num_candidates: int = 100
    exact: bool = False
    oversample: float | None = None
    min_similarity: float | None = None
    query_terms: int = 12
    query_texts: int = 10
    filters: tuple[Mapping[str, Any], ...] = ()
    only: Mapping[str, Sequence[str]] | None = None
    variants: Mapping[str, Sequence[str]] = field(default_factory=dict)
    boosts: tuple[Boost, ...] = ()
    caps: Mapping[str, int] | None = None
    source: tuple[str, ...] = ()
    collapse: bool = False
    market: str | None = None
    relation: str | None = None
    recent: Recency | None = None
    binary_vectors: bool = False
    max_terms: int = MAX_TERMS
    shared: int = 0
    evidence: bool = False
    passing: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        if not (1 <= self.candidates <= self.num_candidates <= MAX_HITS):
            raise UsageError(
                f"candidates is {self.candidates} and num_candidates {self.num_candidates}; use "
                f"1 <= candidates <= num_candidates <= {MAX_HITS}"
            )
        if not 1 <= self.query_terms <= MAX_CLAUSES:
            raise UsageError(
                f"query_terms is {self.query_terms}; use 1 to {MAX_CLAUSES}, for a query with "
                "more parts is refused"
            )
        if self.min_similarity is not None and not -1 <= self.min_similarity <= 1:
            raise UsageError(f"min_similarity is {self.min_similarity}; a cosine is -1 to 1")
        if self.relation is not None and self.relation not in RELATIONS:
            raise UsageError(f"relation is {self.relation!r}; use one of {', '.join(RELATIONS)}")
        for name, most in (self.caps or {}).items():
            if most < 1:
                raise UsageError(f"the cap of {name!r} is {most}; use at least 1")

    def deep_enough(self, size: int, limits: SearchLimits = DEFAULT_LIMITS) -> SearchOptions:
        """The same, with candidates for a list of so many, as far as the index allows."""
        candidates = min(max(self.candidates, size), limits.hits)
        looked_at = min(max(self.num_candidates, 2 * size), MAX_HITS)
        return replace(
            self, candidates=candidates, num_candidates=looked_at, max_terms=limits.terms
        )

    @property
    def typed_fields(self) -> tuple[str, ...]:
        """Fields of the user's own that are to be of some type: those of caps and of recency."""
        return (*(self.caps or {}), *([self.recent.field] if self.recent else []))

    def refuse_types(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        """Refuse fields of another type than is needed.

        Args:
            known: The `fields` of an answer of `field_caps`, asked for `typed_fields` and for the
                `.keyword` of each.

        Raises:
            UsageError: A cap's field is not there, or has no column of values, as a text field has
                none; or that of recency is no date.
        """
        for name in self.caps or {}:
            if not known.get(name):
                raise UsageError(
                    f"the field {name!r} is not in the mapping, so that nothing can be capped by "
                    "it; name a field that documents have"
                )
            if not all(kind["aggregatable"] for kind in known[name].values()):
                beside = f"{name}.keyword"
                instead = f"cap {beside}" if beside in known else "cap a keyword field"
                raise UsageError(
                    f"the field {name!r} is {_types(known, name)}, whose values cannot be counted; "
                    f"{instead} instead"
                )
        if self.recent and not known.get(self.recent.field, {}).keys() & _DATES:
            name = self.recent.field
            raise UsageError(
                f"the field {name!r} is {_types(known, name)}, and age is counted from a date; "
                "name a date field"
            )

    def tags(self, language: str) -> tuple[str, ...]:
        """The tags of the index that a target language names."""
        return tuple(self.variants.get(language, (language,)))


def _types(known: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """What a field is, in the index or in each of several."""
    return " or ".join(known.get(name, {})) or "not in the mapping"


WEIGHTS: Mapping[str, float] = {DENSE: 0.0375, LEXICAL: 0.0125, COLLABORATIVE: 0.95}
"""Fusion weights where the index has none of its own in `_meta.xlrec.weights` (`xlrec-es tune`).

Measured (xlrec_es/DESIGN.md, "Fusion weights"), in both pools, on users that it was not chosen
by: at most 0.0012 of recall below the best retriever on two catalogs; above it, inside the noise,
    on a
third.
"""


COLD_WEIGHTS: Mapping[str, float] = {POPULARITY: 1.0}
"""For a user who is not known to like anything."""


TASTE = "taste"
SEARCH_RETRIEVERS = (LEXICAL, DENSE, TASTE)
SEARCH_WEIGHTS: Mapping[str, float] = {LEXICAL: 0.5, DENSE: 0.35, TASTE: 0.15}
"""Of `Recommender.search`: the words and the meaning of the query, and the user's taste.

Words weigh most, so that a title that is typed in comes first; taste only decides between what the
query finds alike. Measured (`evaluate --task search`: titles of anime in one of English, Japanese
and Chinese, found in the others, 60 users, 475 queries): recall@10 0.785 with taste, 0.760 without,
0.451 by words alone. Other weights were not compared.
"""


CASCADE = "cascade"
WEIGHTED = "weighted"
RECIPROCAL_RANK = "rrf"
FUSIONS = (CASCADE, WEIGHTED, RECIPROCAL_RANK)


@dataclass(frozen=True, slots=True)
class Options:
    """How recommendations are made.

    Attributes:
        rules: What each interaction weighs.
        max_interests: See `profile.build_profile`; None for the index's own, else
            `profile.MAX_INTERESTS`, or `profile.FEW_INTERESTS` where the collaborative retriever
            weighs as much as the dense one and the index has indicators.
        push: See `profile.build_profile`.
        weights: Fusion weight by retriever; None for the index's own, else `WEIGHTS`. A retriever
            of weight 0, or without a weight, is not searched.
        search_weights: Likewise for `Recommender.search`: of `lexical`, `dense` and `taste`; None
            for `SEARCH_WEIGHTS`.
        fusion: `cascade` (see `cascade.cascaded`), `weighted` (see `fusion.fuse`) or `rrf` (see
            `fusion.reciprocal_rank`). None is the index's own, else `cascade` where the index has
            indicators, unless weights are given or Elasticsearch fuses.
        rank_constant: For `rrf`.
        mix: How languages share the list: `auto`, `equal`, or a part by language, see
            `reranking.share_out`. None is `auto`, and `equal` with `server_side`.
        exclude: Languages that are never recommended, with their variants.
        diversity: See `reranking.diversify`; 0 leaves the order.
        explore: The part of a list that is kept for items that nobody had liked when associations
            were learned; see `exploration.explored`. What is shown of them is drawn.
        explain: Ask for what the documents that were chosen hold, and say which history items
            spoke for each.
        server_side: Have Elasticsearch fuse the retrievers of each language, which takes an
            enterprise or trial license; see `server_fusion` for what differs.
        search: How deep each search goes, and where.
    """

    rules: WeightRules = field(default_factory=WeightRules)
    max_interests: int | None = None
    push: float = PUSH
    weights: Mapping[str, float] | None = None
    fusion: str | None = None
    rank_constant: int = 60
    mix: str | Mapping[str, float] | None = None
    exclude: tuple[str, ...] = ()
    diversity: float = 0.0
    explore: float = 0.0
    explain: bool = True
    server_side: bool = False
    search: SearchOptions = field(default_factory=SearchOptions)
    search_weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.search.relation is not None:
            self._check_relation(self.search.relation)
        _check(
            self.max_interests is None or self.max_interests >= 1,
            f"max_interests is {self.max_interests}; use at least 1",
        )
        _check(0 <= self.push <= 1, f"push is {self.push}; use 0 to 1")
        _check(0 <= self.diversity <= 1, f"diversity is {self.diversity}; use 0 to 1")
        _check(0 <= self.explore <= 1, f"explore is {self.explore}; use 0 to 1")
        _check(
            not (self.explore and self.server_side),
            "server_side fuses all that is found, and explore draws from some of it; leave out one",
        )
        _check(self.rank_constant > 0, f"rank_constant is {self.rank_constant}; use 1 or more")
        _check(
            self.fusion is None or self.fusion in FUSIONS,
            f"fusion is {self.fusion!r}; use one of {', '.join(FUSIONS)}",
        )
        if self.mix is None or isinstance(self.mix, str):
            _check(
                self.mix in (None, EQUAL, AUTO),
                f"mix is {self.mix!r}; use {EQUAL}, {AUTO}, or a part by language",
            )
        else:
            for language, part in self.mix.items():
                _check(
                    0 < part < math.inf,
                    f"the part of {language!r} is {part}; give a finite number above zero",
                )
            parts = {normalize(language): part for language, part in self.mix.items()}
            _check(len(parts) == len(self.mix), "mix has a language twice, in two spellings")
            object.__setattr__(self, "mix", parts)
        if self.weights is not None:
            _check_weights(self.weights, RETRIEVERS)
        if self.search_weights is not None:
            _check_weights(self.search_weights, SEARCH_RETRIEVERS)
            queried = self.search_weights.get(LEXICAL, 0) + self.search_weights.get(DENSE, 0)
            _check(queried > 0, "a search by taste alone is none; give lexical or dense a weight")
        if self.server_side:
            _check(
                self.mix != AUTO and not self.search.boosts,
                "server_side gives no scores that languages could be compared by, nor any that "
                "boosts could multiply: leave out mix 'auto' and boosts, or server_side",
            )
            _check(
                self.fusion != CASCADE,
                f"server_side adds up all retrievers, so fusion cannot be {CASCADE}: leave out one",
            )
        if self.fusion == CASCADE and self.weights is not None:
            _check(
                self.weights.get(COLLABORATIVE, 0) > 0,
                f"fusion {CASCADE} begins with the {COLLABORATIVE} retriever, which has no weight "
                f"here: give it one, or use {WEIGHTED}",
            )

    def _check_relation(self, relation: str) -> None:
        """See that nothing else is to find items, and have the collaborative retriever alone."""
        others = {name for name, weight in (self.weights or {}).items() if weight > 0}
        _check(
            others <= {COLLABORATIVE}
            and self.fusion in (None, CASCADE)
            and not (self.explore or self.server_side),
            f"the relation {relation} decides alone what is found: leave out weights, fusion, "
            "explore and server_side, or the relation",
        )
        object.__setattr__(self, "weights", {COLLABORATIVE: 1.0})
        object.__setattr__(self, "fusion", CASCADE)

    def related(self, relation: str) -> Options:
        """The same for items that are related in this way, such as `bought-together`.

        What other retrievers weigh, and how they are fused, does not matter then.

        Args:
            relation: One of `fields.RELATIONS`.

        Raises:
            UsageError: There is no such relation.
        """
        search = replace(self.search, relation=relation)
        return replace(
            self, weights=None, fusion=None, explore=0.0, server_side=False, search=search
        )

    def deep_enough(self, size: int, limits: SearchLimits = DEFAULT_LIMITS) -> Options:
        """The same, with searches for a list of so many, as far as the index allows."""
        search = self.search.deep_enough(size, limits)
        # Where the choice is not by score alone, it is among more.
        chooses = search.caps or search.boosts or search.collapse or self.diversity > 0
        search = replace(search, shared=search.candidates if chooses else size)
        return replace(self, search=search)

    @property
    def division(self) -> str | Mapping[str, float]:
        """How languages share the list: `mix`, or what it is by default."""
        if self.mix is not None:
            return self.mix
        return EQUAL if self.server_side else AUTO


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise UsageError(otherwise)


def _check_weights(weights: Mapping[str, float], retrievers: Sequence[str]) -> None:
    for retriever, weight in weights.items():
        _check(
            retriever in retrievers and 0 <= weight < math.inf,
            f"weight {retriever}={weight}: use finite weights of at least 0 for "
            f"{', '.join(retrievers)}",
        )
    _check(any(weights.values()), "all weights are 0; give at least one retriever a weight")
