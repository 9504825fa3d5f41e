"""The searches of a query that a user typed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from xlrec_es.errors import UsageError
from xlrec_es.index.fields import text_field
from xlrec_es.languages import base_language, lookup, normalize
from xlrec_es.recommend.options import DENSE, LEXICAL, SearchOptions
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.profile import Profile
from xlrec_es.recommend.request.queries import (
    SearchRequest,
    _boosted,
    _unseen,
    dense_body,
    hits_wanted,
)

MAX_CHARACTERS = 500
"""Of a query: in Japanese nearly as many terms, each of which is asked for twice (`text_body`)."""

ALL_WORDS = "all words"
"""The mark of a hit that has every word of the query."""


def checked(text: str) -> str:
    """A query that can be searched for.

    Raises:
        UsageError: It is empty, or too long.
    """
    if not text.strip():
        raise UsageError("the query is empty; give at least one word")
    if len(text) > MAX_CHARACTERS:
        raise UsageError(
            f"the query has {len(text)} characters, and {MAX_CHARACTERS} are the most; recommend "
            "by a longer text: History(texts=(...,))"
        )
    return text


def query_plan(
    plan: Plan,
    text: str,
    search: SearchOptions,
    *,
    weights: Mapping[str, float],
    query_language: str | None = None,
) -> Plan:
    """The plan of a query: BM25 by its words, dense by its vector, each language by itself.

    Args:
        plan: For a history that is the text alone, or nothing; see `plan.make_plan`.
        text: The query.
        search: How deep, and where.
        weights: Fusion weight by retriever; one of weight 0 is not searched.
        query_language: The language that it is in: BM25 searches no other. None: each target
            language, by its own analyzer.

    Raises:
        UnknownLanguage: `query_language` is no language tag.
    """
    search = replace(search, variants=plan.variants)
    wanted = {retriever for retriever, weight in weights.items() if weight > 0}
    lexical = [
        SearchRequest(language, LEXICAL, text_body(plan.profile, language, tags, text, search))
        for language in plan.languages
        if LEXICAL in wanted and (tags := _worded(plan.tags(language), query_language))
    ]
    dense = [
        SearchRequest(language, DENSE, dense_body(plan.profile, language, search))
        for language in plan.languages
        if DENSE in wanted and plan.profile.interests
    ]
    notes = [
        f"there is no {language}: {plan.tags(language)[0]} stands for it"
        for language in plan.languages
        if lookup(plan.tags(language)[0], [language]) is None
    ]
    if LEXICAL in wanted and not lexical:
        notes.append(f"no BM25 search: the query is in {query_language}, no target language is")
    if DENSE in wanted and not dense:
        notes.append(
            "BM25 alone: a search across languages needs the encoder that made the index; give the "
            "Recommender an encoder"
        )
    return replace(plan, requests=(*lexical, *dense), weights=weights, notes=tuple(notes))


def _worded(tags: Sequence[str], query_language: str | None) -> tuple[str, ...]:
    """Those of a target language's tags whose texts are in the query's language, in any variant."""
    if query_language is None:
        return tuple(tags)
    own = base_language(normalize(query_language))
    return tuple(tag for tag in tags if base_language(tag) == own)


def text_body(
    profile: Profile, language: str, tags: Sequence[str], text: str, search: SearchOptions
) -> dict[str, Any]:
    """The BM25 search for the words of a query, any of them; hits with all of them are marked.

    Args:
        profile: Whose `seen` are left out.
        language: Target language.
        tags: Of its texts; each is read by the analyzer of its own field.
        text: The query.
        search: How deep, and where.
    """
    query = {
        "bool": {
            "must": [_in_any([_words(tag, text, "or") for tag in tags])],
            "should": [
                {
                    "constant_score": {
                        "filter": _in_any([_words(tag, text, "and") for tag in tags]),
                        "boost": 0,
                        "_name": ALL_WORDS,
                    }
                }
            ],
        }
    }
    # Only documents in this language have these fields: a filter would cost and change nothing.
    unseen = _unseen(profile, language, search, by_tag=False)
    return {"query": _boosted(query, unseen, search), **hits_wanted(language, search)}


def _words(tag: str, text: str, operator: str) -> dict[str, Any]:
    return {"match": {text_field(tag): {"query": text, "operator": operator}}}


def _in_any(queries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return queries[0] if len(queries) == 1 else {"dis_max": {"queries": list(queries)}}
