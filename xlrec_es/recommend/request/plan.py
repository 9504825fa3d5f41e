"""What is decided before a search is sent: the profile, target languages, the searches. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xlrec_es.errors import (
    SearchFailed,
    UnknownItems,
    UnknownLanguage,
    UsageError,
    XlrecError,
)
from xlrec_es.index.fields import (
    EVIDENCE_FIELD,
    IMAGE_FIELD,
    LANGUAGE_FIELD,
    SPARSE_FIELD,
    VECTOR_FIELD,
    text_field,
)
from xlrec_es.index.hits import text_of, title_of, vector_of, work_of
from xlrec_es.index.indicators import read_indicators
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.search_limits import parts
from xlrec_es.interactions.history import History
from xlrec_es.languages import base_language, by_language, lookup, named_by, normalize
from xlrec_es.recommend.options import (
    AUTO,
    CASCADE,
    COLD_WEIGHTS,
    COLLABORATIVE,
    DENSE,
    EXPLORE,
    IMAGE,
    LEXICAL,
    MAX_CLAUSES,
    POPULARITY,
    RECIPROCAL_RANK,
    RETRIEVERS,
    SPARSE,
    WEIGHTED,
    WEIGHTS,
    Options,
    SearchOptions,
)
from xlrec_es.recommend.request.profile import (
    FEW_INTERESTS,
    MAX_INTERESTS,
    HistoryDocument,
    Profile,
    build_looks,
    build_profile,
)
from xlrec_es.recommend.request.queries import SearchRequest, build_requests
from xlrec_es.recommend.request.server_fusion import one_search_each
from xlrec_es.vectors.vector import Vector

FIRST = (COLLABORATIVE, POPULARITY)
"""The retrievers that a cascade begins with: one for users who like something, one for others."""

READ_BY = {DENSE: VECTOR_FIELD, SPARSE: SPARSE_FIELD, IMAGE: IMAGE_FIELD}
"""What is read of documents for a retriever, to search by it and to explain what it finds."""

FILL = (DENSE, LEXICAL, SPARSE, IMAGE)
"""Those that fill what these leave open."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a history's items.

    Attributes:
        documents: Every language version of the works that say something.
        weights: What each item says, signed; see `weighting.weigh`.
        others: Work by document id, of items that say nothing: seen, and no more.
        free_texts: Centered vector by free text of the history.
        lacks: What the answers lack that this was read from, in phrases; see `answers.lacks_of`.
    """

    documents: Sequence[HistoryDocument]
    weights: Mapping[str, float]
    others: Mapping[str, str] = field(default_factory=dict)
    free_texts: Mapping[str, Vector] = field(default_factory=dict)
    lacks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is known before the searches are sent.

    Attributes:
        live: The index.
        profile: The user.
        languages: Target languages.
        requests: The searches.
        weights: Fusion weight by retriever.
        fusion: One of `options.FUSIONS`.
        unknown_items: Ids of the history that no document has.
        notes: What was left out and why.
        variants: By target language the tags of the index that it names, where they are not itself
            alone.
        degraded: What of the history could not be read, in sentences.
        has_titles: Whether titles of the history's documents were read.
        passing: See `options.SearchOptions.passing`.
    """

    live: LiveIndex
    profile: Profile
    languages: tuple[str, ...]
    requests: tuple[SearchRequest, ...]
    weights: Mapping[str, float]
    fusion: str
    unknown_items: tuple[str, ...]
    notes: tuple[str, ...]
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    has_titles: bool = True
    passing: Mapping[str, int] | None = None

    @property
    def has_texts(self) -> bool:
        """Whether retrievers that go by texts weigh anything."""
        return any(self.weights.get(retriever, 0) > 0 for retriever in FILL)

    @property
    def text_share(self) -> float:
        """See `profile.text_share`; nothing where texts weigh nothing."""
        return self.profile.text_share if self.has_texts else 0.0

    def tags(self, language: str) -> tuple[str, ...]:
        """The tags of the index that a target language names."""
        return self.variants.get(language, (language,))

    def texts(self, language: str) -> dict[str, str]:
        """The liked works' documents in a target language: work by document id."""
        texts = self.profile.texts
        return {
            id_: work for tag in self.tags(language) for id_, work in texts.get(tag, {}).items()
        }


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan is for.

    Attributes:
        languages: Target languages; None for all of the index but those of what was liked.
        own: Without target languages, take those of what was liked, not the others.
        retrievers: Of those that have a weight, the ones that are searched now.
    """

    languages: Iterable[str] | None
    own: bool = False
    retrievers: Collection[str] = RETRIEVERS


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
        history: What the user did.
        known: What its items weigh, and what the index and the encoder say of them and its texts.
        languages: Target languages, each with its variants; None for all of the index but those of
            what was liked, of which a variant is none.
        options: How.
        own_languages: Without target languages, take those of what was liked, not the others.

    Raises:
        UnknownItems: The history names items, and the index has none of them.
        SearchFailed: None of them was found, and a part of the index did not answer.
        UnknownLanguage: Not a language tag, or none of the index's languages.
        UsageError: No target language, or a market that the index does not know.
    """
    return _planned(live, history, known, Scope(languages, own_languages), options)


def first_plan(
    live: LiveIndex,
    history: History,
    known: Known,
    *,
    languages: Iterable[str] | None,
    options: Options,
) -> Plan:
    """`make_plan` for a cascade's first searches, for which neither vectors nor titles are read."""
    return _planned(live, history, known, Scope(languages, retrievers=FIRST), options)


def guess_plan(
    live: LiveIndex,
    history: History,
    weights: Mapping[str, float],
    *,
    languages: Iterable[str] | None,
    options: Options,
) -> Plan:
    """`first_plan`, if each item of the history is a work of the index.

    So its searches can be sent beside the one that tells whether it is so.

    Args:
        live: As for `make_plan`.
        history: As for `make_plan`.
        weights: What each item says, signed.
        languages: As for `make_plan`.
        options: As for `make_plan`.

    Raises:
        XlrecError: As for `make_plan`.
    """
    said = Known((), weights, {item: item for item in history.items})
    return first_plan(live, history, said, languages=languages, options=options)


def fusion_of(live: LiveIndex, options: Options) -> str:
    """How the retrievers of an index are fused: as asked for, as tuned, or by default."""
    if options.fusion is not None:
        return options.fusion
    if options.weights is not None or options.server_side:
        return WEIGHTED
    if "fusion" in live.meta.options:
        return str(live.meta.options["fusion"])
    # Weights of an index are those of `tune`, for a mixture.
    return CASCADE if live.meta.indicators and not live.meta.weights else WEIGHTED


def is_shared(fusion: str, options: Options) -> bool:
    """Whether languages share a list by the collaborative scores alone: one search is for all."""
    search = options.search
    together = fusion == CASCADE and options.division == AUTO
    return together and search.only is None and not search.evidence


def _planned(
    live: LiveIndex, history: History, known: Known, scope: Scope, options: Options
) -> Plan:
    if options.search.relation is not None:
        _check_learned(live, options.search.relation)
    _check_has(live, options)
    has = {name for document in known.documents for name in (document.work, document.id)}
    has.update(known.others, known.others.values())
    items = history.items
    missing = tuple(item for item in items if item not in has)
    if missing and not has and not history.texts:
        raise _nothing_known(live, known, missing)
    # What was not found may be there all the same where a part of the index did not answer.
    unread = missing if known.lacks else ()
    fusion = fusion_of(live, options)
    weights = options.weights or live.meta.weights or WEIGHTS
    documents = _in_languages(known.documents, history.languages)
    # An item that has left the index may stand in indicators still.
    left = frozenset(items if fusion == CASCADE else ())
    max_interests = options.max_interests or default_interests(live, weights)
    profile = build_profile(
        documents,
        _work_weights(known.weights, documents, left),
        free_texts=known.free_texts,
        also_seen={*known.others.values(), *(missing if fusion == CASCADE else unread)},
        max_interests=max_interests,
        push=options.push,
    )
    if any(document.image is not None for document in documents):
        looks = build_looks(
            documents,
            _work_weights(known.weights, documents, left),
            free_texts=known.free_texts if live.meta.pictures_say_texts else {},
            max_interests=max_interests,
            push=options.push,
        )
        profile = replace(profile, looks=looks)
    targets = target_tags(scope.languages, live, profile, options, own=scope.own)
    notes = [
        f"there is no {language}: {tags[0]} stands for it"
        for language, tags in targets.items()
        if lookup(tags[0], [language]) is None
    ]
    weights, note = _usable_weights(weights, profile, scope)
    notes += [note] if note else []
    known_here = set(retrievers_of(live)) & set(scope.retrievers)
    asked = [name for name in RETRIEVERS if weights.get(name, 0) > 0 and name in known_here]
    if options.explore > 0 and scope.retrievers is not FIRST:
        asked.append(EXPLORE)
    without = [name for name, tags in targets.items() if profile.languages.isdisjoint(tags)]
    if LEXICAL in asked and without:
        notes.append(
            f"no BM25 search for {', '.join(without)}: the liked items have no text in "
            "these languages"
        )
    if SPARSE in asked and not profile.sparse.tokens:
        notes.append("no sparse search: the liked items have no learned sparse weights")
    variants = {name: tags for name, tags in targets.items() if tags != (name,)}
    shared = options.search.shared if is_shared(fusion, options) else 0
    evidence = fusion == CASCADE or options.search.evidence
    search = replace(options.search, variants=variants, shared=shared, evidence=evidence)
    requests = build_requests(
        profile,
        languages=tuple(targets),
        retrievers=asked,
        index=live.searched,
        options=_without_documents(search, unread, live),
        markets=_markets(options.search.market, targets, live),
    )
    if options.server_side:
        constant = options.rank_constant if fusion == RECIPROCAL_RANK else None
        requests = one_search_each(requests, weights=weights, rank_constant=constant)
    if len(profile.liked) > MAX_CLAUSES and COLLABORATIVE in asked:
        notes.append(
            f"the {MAX_CLAUSES} heaviest of {len(profile.liked)} liked works speak in the "
            "collaborative retriever, for a query with more parts is refused"
        )
    return Plan(
        live,
        profile,
        tuple(targets),
        requests,
        weights,
        fusion,
        () if known.lacks else missing,
        tuple(notes),
        variants,
        tuple(_unread_sentence(lack, unread) for lack in dict.fromkeys(known.lacks)),
        has_titles=scope.retrievers is not FIRST,
        passing=options.search.passing,
    )


def _check_learned(live: LiveIndex, relation: str) -> None:
    if relation not in live.meta.relations:
        raise UsageError(
            f"{live.name} does not know what is related by {relation}; it is learned by: "
            f"xlrec-ingest learn --relation {relation}"
        )


def _usable_weights(
    weights: Mapping[str, float], profile: Profile, scope: Scope
) -> tuple[Mapping[str, float], str | None]:
    """The weights, or those for a user of whom nothing is known, with a note."""
    learned = COLLABORATIVE in scope.retrievers and weights.get(COLLABORATIVE, 0) > 0
    pictured = IMAGE in scope.retrievers and weights.get(IMAGE, 0) > 0
    if profile.interests or (profile.liked and learned) or (pictured and profile.looks.interests):
        return weights, None
    return COLD_WEIGHTS, "nothing is known of this user: popular items are shown"


def _nothing_known(live: LiveIndex, known: Known, missing: Sequence[str]) -> XlrecError:
    """The error for a history of which nothing was found."""
    if known.lacks:
        return SearchFailed(f"{_unread_sentence(known.lacks[0], missing)}; ask again later")
    names = " or ".join(repr(item) for item in missing[:5])
    return UnknownItems(f"{live.name} has no work or document with the id {names}", items=missing)


def _unread_sentence(lack: str, unread: Sequence[str]) -> str:
    """What a history's search lacks, and what follows."""
    sentence = f"the search for the history {lack}"
    if not unread:
        return sentence
    return (
        f"{sentence}: {len(unread)} of its items were not found, and other language versions of "
        "them may be recommended"
    )


def _without_documents(
    search: SearchOptions, unread: Sequence[str], live: LiveIndex
) -> SearchOptions:
    """The same, without documents with these ids: of which works they are is not known."""
    if not unread:
        return search
    ids = [{"ids": {"values": some}} for some in parts(unread, live.limits.ids)]
    return replace(search, filters=(*search.filters, {"bool": {"must_not": ids}}))


def default_interests(live: LiveIndex, weights: Mapping[str, float]) -> int:
    """How many interests a profile has where nobody says."""
    if "max_interests" in live.meta.options:
        return int(live.meta.options["max_interests"])
    carried = live.meta.indicators and weights.get(COLLABORATIVE, 0) >= weights.get(DENSE, 0)
    return FEW_INTERESTS if carried else MAX_INTERESTS


def read_documents(hits: Iterable[Mapping[str, Any]], live: LiveIndex) -> list[HistoryDocument]:
    """The documents that answer `read_queries.history_body`."""
    return [
        HistoryDocument(
            id=hit["_id"],
            work=work_of(hit),
            language=hit["fields"][LANGUAGE_FIELD][0],
            title=title_of(hit, live.meta.title_field),
            vector=vector_of(hit),
            routing=None if live.gives_routing else hit.get("_routing"),
            evidence=float(hit["fields"].get(EVIDENCE_FIELD, (0.0,))[0]),
            text=text_of(hit),
            sparse=read_indicators(hit["fields"].get(SPARSE_FIELD)),
            image=vector_of(hit, IMAGE_FIELD),
        )
        for hit in hits
    ]


def retrievers_of(live: LiveIndex) -> tuple[str, ...]:
    """The retrievers that an index has something to search by for."""
    has = {SPARSE: live.has_sparse, IMAGE: bool(live.meta.images)}
    return tuple(name for name in RETRIEVERS if has.get(name, True))


def fields_to_read(live: LiveIndex, options: Options) -> tuple[str, ...]:
    """What is read of the documents of a history for the retrievers that have a weight."""
    weights = options.weights or live.meta.weights or WEIGHTS
    has = retrievers_of(live)
    asked = {DENSE, *(by for by in has if weights.get(by, 0) > 0)}
    return tuple(field for by, field in READ_BY.items() if by in asked)


def _check_has(live: LiveIndex, options: Options) -> None:
    """Refuse weights for what the index has not, if they were asked for."""
    asked = {name for name, weight in (options.weights or {}).items() if weight > 0}
    lacking = asked - set(retrievers_of(live))
    if SPARSE in lacking:
        raise UsageError(
            f"{live.name} has no learned sparse weights for the retriever {SPARSE}; leave its "
            "weight out, or make them: xlrec-ingest reencode --sparse-model"
        )
    if IMAGE in lacking:
        raise UsageError(
            f"{live.name} has no vectors of pictures for the retriever {IMAGE}; leave its weight "
            "out, or make them: xlrec-ingest run --image FIELD --image-model MODEL"
        )


def texts_to_read(
    live: LiveIndex, languages: Iterable[str] | None, options: Options, *, own: bool = False
) -> tuple[str, ...]:
    """The fields of a history's texts that `queries.lexical_body` may search by.

    Args:
        live: The index.
        languages: As for `make_plan`.
        options: How.
        own: As `own_languages` of `make_plan`.
    """
    weights = options.weights or live.meta.weights or WEIGHTS
    if not weights.get(LEXICAL, 0) > 0:
        return ()
    tags = allowed_tags(live, options)
    if languages is not None:
        tags = tuple({tag for name in languages for tag in named_by(normalize(name), tags)})
    elif not own and len({base_language(tag) for tag in tags}) > 1:
        return ()  # the targets are other languages than the history's: BM25 has nothing to go by
    return tuple(map(text_field, sorted(tags)))


def _in_languages(
    documents: Sequence[HistoryDocument], languages: Iterable[str] | None
) -> Sequence[HistoryDocument]:
    """Without the other language versions of works that are there in one of these languages."""
    if languages is None:
        return documents
    known = tuple(languages)
    within = {tag for tag in {d.language for d in documents} if lookup(tag, known) is not None}
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
                "markets are learned by: xlrec-ingest learn"
            )
        return dict.fromkeys(languages, wanted)
    if known.get("origin") != "language":
        return {}
    own = {language: lookup(language, names) for language in languages}
    return {language: market for language, market in own.items() if market is not None}


def _work_weights(
    weights: Mapping[str, float], documents: Sequence[HistoryDocument], left: Collection[str]
) -> dict[str, float]:
    """Weight by work: what was said of its documents and of itself adds up.

    Args:
        weights: Signed weight by item.
        documents: What was found of the items.
        left: Items that count as works of that name where nothing was found.
    """
    work_of = {document.id: document.work for document in documents}
    works = set(work_of.values())
    by_work: dict[str, float] = {}
    for item, weight in weights.items():
        work = item if item in works else work_of.get(item, item if item in left else None)
        if work is not None:
            by_work[work] = by_work.get(work, 0.0) + weight
    return by_work


def target_tags(
    languages: Iterable[str] | None,
    live: LiveIndex,
    profile: Profile,
    options: Options,
    *,
    own: bool = False,
) -> dict[str, tuple[str, ...]]:
    """The tags of the index by target language.

    Args:
        languages: As for `make_plan`.
        live: The index.
        profile: The user, of whom the languages of what was liked matter.
        options: How.
        own: As `own_languages` of `make_plan`.

    Raises:
        UnknownLanguage: As for `make_plan`.
        UsageError: No target language.
    """
    allowed = allowed_tags(live, options)
    if languages is None:
        chosen = _own_or_others(allowed, profile, own=own)
        targets = by_language(chosen, () if isinstance(options.division, str) else options.division)
    else:
        targets = _named(languages, live, allowed)
    if not targets:
        raise UsageError(
            "no target language; name at least one that is not excluded, or leave them out for all"
        )
    return targets


def allowed_tags(live: LiveIndex, options: Options) -> tuple[str, ...]:
    """The tags of the index that are not excluded."""
    excluded = {normalize(language) for language in options.exclude}
    return tuple(tag for tag in live.meta.languages if lookup(tag, excluded) is None)


def _own_or_others(tags: Sequence[str], profile: Profile, *, own: bool) -> tuple[str, ...]:
    """The tags of the languages of what was liked, or of all others; of all if there are none."""
    liked = {base_language(tag) for tag in profile.languages}
    chosen = tuple(tag for tag in tags if (base_language(tag) in liked) == own)
    return chosen if chosen or own else tuple(tags)


def _named(
    languages: Iterable[str], live: LiveIndex, allowed: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The allowed tags of the index by the target language that names them, each tag once.

    A tag belongs to the most special language that names it: beside `en-GB`, `en` is the others.
    """
    has = live.meta.languages
    wanted = tuple(dict.fromkeys(normalize(language) for language in languages))
    targets: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for language in wanted:
        named = named_by(language, has)
        if not named:
            raise UnknownLanguage(
                f"{live.name} has no documents in {language!r}; it has: {', '.join(has)}"
            )
        own = [tag for tag in named if lookup(tag, wanted) in (language, None)]
        if mine := tuple(tag for tag in own if tag in allowed and tag not in taken):
            targets[language] = mine
            taken.update(mine)
    return targets
