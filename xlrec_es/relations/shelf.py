"""From items with scores to documents that are shown: filters, caps, and each item once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.errors import UnknownLanguage
from xlrec_es.index.fields import LANGUAGE_FIELD, WORK_FIELD, in_language
from xlrec_es.index.hits import fields_of_hits, language_of, title_of, work_of
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.search_limits import parts
from xlrec_es.languages import named_by, names, normalize
from xlrec_es.recommend.options import Options, SearchOptions
from xlrec_es.recommend.recommendations import RetrieverScore

MOST_ITEMS = 1000
"""Items of the highest scores whose documents are looked at."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An item that may be shown in a language.

    Attributes:
        work: Its id.
        language: A target language.
        score: Comparable over items and languages.
    """

    work: str
    language: str
    score: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A document that is shown.

    Attributes:
        offer: What it stands for.
        hit: The document.
        title: Its title, or None.
    """

    offer: Offer
    hit: Mapping[str, Any]
    title: str | None

    @property
    def language(self) -> str:
        """The tag of the document."""
        return language_of(self.hit)

    def said_by(self, relation: str, rank: int) -> dict[str, Any]:
        """What a `Recommendation` holds of it.

        Args:
            relation: Which found it.
            rank: Place in the list, from 1.
        """
        return {
            "id": self.hit["_id"],
            "work": self.offer.work,
            "language": self.language,
            "score": self.offer.score,
            "title": self.title,
            "retrievers": {relation: RetrieverScore(rank, self.offer.score, 1.0)},
            "reasons": (),
            "source": self.hit.get("_source", {}),
        }


def targets_of(
    live: LiveIndex, languages: Iterable[str] | None, options: Options
) -> dict[str, tuple[str, ...]]:
    """The tags of the index by target language; None: all of the index, each by itself.

    Raises:
        UnknownLanguage: Not a language tag, or none of the index's languages; or none is left.
    """
    has = live.meta.languages
    wanted = has if languages is None else list(dict.fromkeys(map(normalize, languages)))
    excluded = [normalize(tag) for tag in options.exclude]
    found = {}
    for language in wanted:
        tags = named_by(language, has)
        if not tags:
            raise UnknownLanguage(
                f"{live.name} has no documents in {language}; it has {', '.join(has)}"
            )
        left = tuple(tag for tag in tags if not any(names(other, tag) for other in excluded))
        if left:
            found[language] = left
    if not found:
        raise UnknownLanguage("no target language is left; exclude fewer")
    return found


def put_on_shelf(
    client: Elasticsearch,
    live: LiveIndex,
    offers: Sequence[Offer],
    targets: Mapping[str, Sequence[str]],
    options: SearchOptions,
    *,
    size: int,
) -> list[Shown]:
    """The documents that are shown, best first, each item once.

    Args:
        client: Of the cluster.
        live: The index.
        offers: The best first.
        targets: Tags of the index by target language.
        options: Filters, caps, and the user's own fields that are wanted.
        size: How many, at most.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    works = list(dict.fromkeys(offer.work for offer in offers))[:MOST_ITEMS]
    if not works:
        return []
    tags = list(dict.fromkeys(tag for some in targets.values() for tag in some))
    hits = _documents(client, live, works, tags, options)
    used: Counter[tuple[str, str]] = Counter()
    taken: set[str] = set()
    shown: list[Shown] = []
    for offer in offers:
        if len(shown) == size:
            break
        found = _first(hits.get(offer.work, ()), targets[offer.language])
        if found is None or offer.work in taken:
            continue
        labels = list(_labels(found, options))
        if any(used[label] >= (options.caps or {})[label[0]] for label in labels):
            continue
        used.update(labels)
        taken.add(offer.work)
        shown.append(Shown(offer, found, title_of(found, live.meta.title_field)))
    return shown


def works_of(
    client: Elasticsearch, live: LiveIndex, items: Collection[str]
) -> dict[str, tuple[str, str | None]]:
    """Work and language of each item that the index has.

    Args:
        client: Of the cluster.
        live: The index.
        items: Ids of works or documents. A work's id has no language where the work has several.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    wanted = set(items)
    found: dict[str, tuple[str, str | None]] = {}
    spoken: dict[str, set[str]] = {}
    for some in parts(sorted(wanted), live.limits.ids):
        either = [{"ids": {"values": some}}, {"terms": {WORK_FIELD: some}}]
        query = {
            "bool": {
                "should": either,
                "minimum_should_match": 1,
                "filter": [{"exists": {"field": WORK_FIELD}}],
            }
        }
        body = {"query": query, "_source": False, **fields_of_hits([WORK_FIELD, LANGUAGE_FIELD])}
        for hit in (hit for hits in scan.pages(client, live.searched, body) for hit in hits):
            work, language = work_of(hit), language_of(hit)
            if work in wanted:
                spoken.setdefault(work, set()).add(language)
            if hit["_id"] in wanted:
                found[hit["_id"]] = (work, language)
    for work, languages in spoken.items():
        if len(languages) > 1 or work not in found:
            found[work] = (work, next(iter(languages)) if len(languages) == 1 else None)
    return found


def _documents(
    client: Elasticsearch,
    live: LiveIndex,
    works: Sequence[str],
    tags: Sequence[str],
    options: SearchOptions,
) -> dict[str, list[Mapping[str, Any]]]:
    """The documents of some works that pass the filters, by work."""
    title = live.meta.title_field
    source = list(dict.fromkeys((*options.source, *([title] if title else []))))
    columns = [WORK_FIELD, LANGUAGE_FIELD, *(options.caps or {})]
    found: dict[str, list[Mapping[str, Any]]] = {}
    for some in parts(works, live.limits.terms):
        filters = [{"terms": {WORK_FIELD: some}}, in_language(tags), *options.filters]
        body = {
            "query": {"bool": {"filter": filters}},
            "_source": source or False,
            **fields_of_hits(columns),
        }
        for hits in scan.pages(client, live.searched, body):
            for hit in hits:
                found.setdefault(work_of(hit), []).append(hit)
    return found


def _first(hits: Iterable[Mapping[str, Any]], tags: Sequence[str]) -> Mapping[str, Any] | None:
    """The document in the first of some languages."""

    def order(hit: Mapping[str, Any]) -> tuple[int, str]:
        return tags.index(language_of(hit)), hit["_id"]

    return min((hit for hit in hits if language_of(hit) in tags), key=order, default=None)


def _labels(hit: Mapping[str, Any], options: SearchOptions) -> Iterator[tuple[str, str]]:
    for field in options.caps or {}:
        yield from ((field, value) for value in hit["fields"].get(field, ()))
