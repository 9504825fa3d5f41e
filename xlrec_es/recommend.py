"""Recommendations for a history, out of one `_msearch`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es import fusion
from xlrec_es.client import friendly_errors
from xlrec_es.errors import SearchFailed, UnknownItems, UnknownLanguage, UsageError
from xlrec_es.indices import LiveIndex, find_live
from xlrec_es.languages import normalize
from xlrec_es.profile import MAX_INTERESTS, LikedDocument, Profile, build_profile
from xlrec_es.query import (
    DENSE,
    LANGUAGE_FIELD,
    LEGS,
    LEXICAL,
    VECTOR_FIELD,
    WORK_FIELD,
    SearchOptions,
    SearchRequest,
    build_requests,
    history_body,
    to_msearch,
)
from xlrec_es.types import History, LegScore, Reason, Recommendation, Recommendations

WEIGHTS = {DENSE: 0.8, LEXICAL: 0.2}
"""Fusion weights where the index has none of its own in `_meta.xlrec.weights`."""

MAX_REASONS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """How recommendations are made.

    Attributes:
        max_interests: See `profile.build_profile`.
        temperature: See `fusion.soft_maximum`; in units of cosine.
        weights: Fusion weight by leg; None for the index's own, else `WEIGHTS`. A leg of weight 0,
            or without a weight, is not searched.
        mix: `equal`, `auto`, or a part by language: see `fusion.select`.
        search: How deep each search goes.
    """

    max_interests: int = MAX_INTERESTS
    temperature: float = 0.1
    weights: Mapping[str, float] | None = None
    mix: str | Mapping[str, float] = fusion.EQUAL
    search: SearchOptions = field(default_factory=SearchOptions)

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.max_interests < 1:
            raise UsageError("the temperature must be above zero, and max_interests at least 1")
        if isinstance(self.mix, str) and self.mix not in (fusion.EQUAL, fusion.AUTO):
            raise UsageError(f"mix is {self.mix!r}; use equal, auto, or a part by language")
        if not isinstance(self.mix, str):
            for language, part in self.mix.items():
                if not (0 < part < float("inf")):
                    raise UsageError(
                        f"the part of {language!r} is {part}; give a finite number above zero"
                    )
        for leg, weight in (self.weights or {}).items():
            if leg not in LEGS or not (0 <= weight < float("inf")):
                raise UsageError(
                    f"weight {leg}={weight}: use finite weights of at least 0 for: "
                    + ", ".join(LEGS)
                )
        if self.weights is not None and not any(self.weights.values()):
            raise UsageError("all weights are 0; give at least one leg a weight")


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


class Recommender:
    """Recommends the documents of one index.

    Example:
        >>> recommender = Recommender(client, "apps")
        >>> recommender.recommend(History.of(["gimp", "inkscape"]), languages=["ja", "de"])
    """

    def __init__(
        self, client: Elasticsearch, index: str, *, options: Options | None = None
    ) -> None:
        """Nothing is sent yet.

        Args:
            client: See `client.connect`.
            index: Alias or index that `xlrec-ingest run` made.
            options: How recommendations are made.
        """
        self._client = client
        self._index = index
        self._options = options or Options()

    def recommend(
        self, history: History, *, languages: Iterable[str] | None = None, size: int = 10
    ) -> Recommendations:
        """Recommend documents in other languages to whoever has this history.

        Args:
            history: What the person liked. Ids that the index does not have are skipped and named
                in the result.
            languages: Target languages; None for all of the index but those of the history.
            size: How many, over all languages.

        Returns:
            At most `size`, best first; none of a work in the history, each work once.

        Raises:
            UnknownItems: The index has no document of the whole history.
            UnknownLanguage: Not a language tag, or none of the index's languages.
            UsageError: `size` is not at least 1.
            IndexNotFound: No such index.
            SearchFailed: A search failed.
            ClusterError: Elasticsearch is out of reach, or refuses.
        """
        return self.send(self.plan(history, languages=languages), size=size)

    def send(self, plan: Plan, *, size: int = 10) -> Recommendations:
        """Send the searches of a plan.

        Args:
            plan: See `plan`.
            size: As for `recommend`.

        Raises:
            XlrecError: As for `recommend`.
        """
        if size < 1:
            raise UsageError(f"size is {size}; ask for at least 1")
        with friendly_errors(self._client):
            answer = self._client.msearch(searches=to_msearch(plan.requests, plan.live.name)).body
        return merge(plan, _check(plan, answer["responses"]), self._options, size=size)

    def plan(self, history: History, *, languages: Iterable[str] | None = None) -> Plan:
        """Read the history's documents and build the searches, without sending them.

        Args:
            history: As for `recommend`.
            languages: As for `recommend`.

        Raises:
            XlrecError: As for `recommend`.
        """
        live = find_live(self._client, self._index)
        targets = _check_languages(languages, live)
        documents, unknown = self._read_history(live, history)
        profile = build_profile(
            documents,
            _work_weights(history, documents),
            max_interests=self._options.max_interests,
        )
        if targets is None:
            targets = (
                tuple(
                    language
                    for language in live.meta.languages
                    if language not in profile.documents
                )
                or live.meta.languages
            )
        weights = self._options.weights or live.meta.weights or WEIGHTS
        legs = [leg for leg in LEGS if weights.get(leg, 0) > 0]
        requests = build_requests(
            profile,
            languages=targets,
            legs=legs,
            index=live.name,
            options=_with_title(self._options.search, live.meta.title_field),
        )
        return Plan(
            live, profile, targets, requests, weights, unknown, _notes(profile, targets, legs)
        )

    def _read_history(
        self, live: LiveIndex, history: History
    ) -> tuple[list[LikedDocument], tuple[str, ...]]:
        """The documents of the history's works, and the ids that nothing has."""
        items = list(dict.fromkeys(interaction.item for interaction in history.interactions))
        documents = self._search_history(live, items, items)
        # A document's id does not say of which work it is a rendition: fetch the others too.
        works = {document.work for document in documents}
        if not works <= set(items):
            documents = self._search_history(live, [], sorted(works))
        known = {document.work for document in documents} | {document.id for document in documents}
        unknown = tuple(item for item in items if item not in known)
        if not documents:
            raise UnknownItems(
                f"{live.name} has no work or document with the id "
                + " or ".join(repr(item) for item in unknown[:5]),
                items=unknown,
            )
        return documents, unknown

    def _search_history(
        self, live: LiveIndex, ids: Sequence[str], works: Sequence[str]
    ) -> list[LikedDocument]:
        title = live.meta.title_field
        with friendly_errors(self._client):
            answer = self._client.search(
                index=live.name, body=history_body(ids, works, title=title)
            ).body
        return [
            LikedDocument(
                id=hit["_id"],
                work=hit["fields"][WORK_FIELD][0],
                language=hit["fields"][LANGUAGE_FIELD][0],
                title=_title(hit, title),
                vector=np.asarray(hit["fields"][VECTOR_FIELD], np.float32),
            )
            for hit in answer["hits"]["hits"]
            if VECTOR_FIELD in hit.get("fields", {})
        ]


def merge(
    plan: Plan, responses: Sequence[Mapping[str, Any]], options: Options, *, size: int
) -> Recommendations:
    """Turn the answers into one list. Pure.

    Args:
        plan: What was asked.
        responses: One answer of Elasticsearch for each of `plan.requests`.
        options: How recommendations are made.
        size: How many, over all languages.
    """
    hits = {hit["_id"]: hit for response in responses for hit in response["hits"]["hits"]}
    works = {document: hit["fields"][WORK_FIELD][0] for document, hit in hits.items()}
    candidates = fusion.fuse(
        _leg_lists(plan, responses, options), plan.weights, comparable=frozenset({DENSE})
    )
    chosen = fusion.select(candidates, works, size=size, languages=plan.languages, mix=options.mix)
    return Recommendations(
        tuple(_recommendation(candidate, hits[candidate.id], plan) for candidate in chosen),
        plan.unknown_items,
        plan.notes,
    )


def _leg_lists(
    plan: Plan, responses: Sequence[Mapping[str, Any]], options: Options
) -> dict[tuple[str, str], list[fusion.Hit]]:
    """One list for each language and leg, best first."""
    dense: dict[str, list[dict[str, float]]] = {}
    lists = {}
    for request, response in zip(plan.requests, responses, strict=True):
        scores = {hit["_id"]: hit["_score"] for hit in response["hits"]["hits"]}
        if request.leg == DENSE:
            # Elasticsearch scores a dot product as (1 + cosine) / 2.
            cosines = {document: 2 * score - 1 for document, score in scores.items()}
            dense.setdefault(request.language, []).append(cosines)
        else:
            lists[request.language, request.leg] = _lexical_hits(plan, request.language, scores)
    interests = plan.profile.interests
    for language, cosines_by_interest in dense.items():
        lists[language, DENSE] = fusion.soft_maximum(
            cosines_by_interest,
            [interest.weight for interest in interests],
            [interest.members for interest in interests],
            temperature=options.temperature,
        )
    return lists


def _lexical_hits(plan: Plan, language: str, scores: Mapping[str, float]) -> list[fusion.Hit]:
    """BM25 does not say which of the history's texts a term came from: they speak alike."""
    works = sorted(set(plan.profile.documents[language].values()))
    speakers = {work: 1 / len(works) for work in works}
    return [
        fusion.Hit(document, score, speakers)
        for document, score in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def _recommendation(candidate: fusion.Fused, hit: Mapping[str, Any], plan: Plan) -> Recommendation:
    title = plan.live.meta.title_field
    speakers = sorted(candidate.speakers.items(), key=lambda pair: (-pair[1], pair[0]))
    return Recommendation(
        id=candidate.id,
        work=hit["fields"][WORK_FIELD][0],
        language=candidate.language,
        score=candidate.score,
        title=_title(hit, title),
        legs={
            leg: LegScore(rank, candidate.leg_scores[leg], candidate.shares[leg])
            for leg, rank in sorted(candidate.ranks.items())
        },
        reasons=tuple(
            Reason(work, plan.profile.titles[work], share) for work, share in speakers[:MAX_REASONS]
        ),
        source=hit.get("_source", {}),
    )


def _title(hit: Mapping[str, Any], field_path: str | None) -> str | None:
    """The title field of a hit; the path may be dotted."""
    value: Any = hit.get("_source", {})
    for name in (field_path or "").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _with_title(options: SearchOptions, title: str | None) -> SearchOptions:
    """The same options, with the title among the fields that come back."""
    if title is None or title in options.source:
        return options
    return SearchOptions(
        options.candidates, options.num_candidates, options.query_terms, (*options.source, title)
    )


def _work_weights(history: History, documents: Sequence[LikedDocument]) -> dict[str, float]:
    """Weight by work: interactions by document id and by work id add up."""
    work_of = {document.id: document.work for document in documents}
    works = set(work_of.values())
    weights: dict[str, float] = {}
    for interaction in history.interactions:
        item = interaction.item
        work = item if item in works else work_of.get(item)
        if work is not None:
            weights[work] = weights.get(work, 0.0) + interaction.weight
    return weights


def _check_languages(languages: Iterable[str] | None, live: LiveIndex) -> tuple[str, ...] | None:
    """The target languages as the index spells them, each once."""
    if languages is None:
        return None
    wanted = tuple(dict.fromkeys(normalize(language) for language in languages))
    for language in wanted:
        if language not in live.meta.languages:
            raise UnknownLanguage(
                f"{live.name} has no documents in {language!r}; it has: "
                + ", ".join(live.meta.languages)
            )
    if not wanted:
        raise UsageError("no target language; name at least one, or leave them out for all")
    return wanted


def _notes(profile: Profile, languages: Sequence[str], legs: Sequence[str]) -> tuple[str, ...]:
    without = [language for language in languages if language not in profile.documents]
    if LEXICAL in legs and without:
        return (
            f"no lexical leg for {', '.join(without)}: the history has no text in "
            + ("it" if len(without) == 1 else "them"),
        )
    return ()


def _check(plan: Plan, responses: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    for request, response in zip(plan.requests, responses, strict=True):
        if "error" in response:
            cause = (response["error"].get("root_cause") or [response["error"]])[0]
            raise SearchFailed(
                f"the {request.leg} search for {request.language} failed: {cause.get('reason')}"
            )
        if response["timed_out"] or response["_shards"]["failed"]:
            raise SearchFailed(
                f"the {request.leg} search for {request.language} reached only "
                f"{response['_shards']['successful']} of {response['_shards']['total']} shards"
            )
    return responses
