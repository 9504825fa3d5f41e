"""What is decided before a search is sent: for any history, however odd, and for any languages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plans import LIVE, plan_for
from xlrec_es.errors import UnknownLanguage, UsageError
from xlrec_es.interactions.history import ABSURD, History, Interaction
from xlrec_es.interactions.weighting import EVENT_WEIGHTS, WeightRules, weigh
from xlrec_es.recommend.answer.ranking import rank
from xlrec_es.recommend.answer.results import finish
from xlrec_es.recommend.options import MAX_CLAUSES, OF_EVERY_INDEX, Options, SearchOptions
from xlrec_es.recommend.request.plan import Known, Plan, make_plan, texts_to_read
from xlrec_es.recommend.request.profile import HistoryDocument

LANGUAGES = LIVE.meta.languages
DIRECTIONS = ([1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, 0], [0.6, 0.8, 0], [1e-20, 0, 1])
DOCUMENTS = [
    HistoryDocument(
        f"w{n // 2}@{LANGUAGES[n % 3]}",
        f"w{n // 2}",
        LANGUAGES[n % 3],
        None,
        np.asarray(DIRECTIONS[n % len(DIRECTIONS)], np.float32),
    )
    for n in range(14)
]
WORK_OF = {name: d.work for d in DOCUMENTS for name in (d.id, d.work)}

numbers = st.one_of(st.floats(-ABSURD, ABSURD), st.sampled_from([1.0, -1.0, 5e-324, -ABSURD]))
interactions = st.builds(
    Interaction,
    item=st.sampled_from(sorted(WORK_OF)),
    event=st.sampled_from(sorted(EVENT_WEIGHTS)),
    weight=st.none() | numbers.filter(bool),
    rating=st.none() | numbers,
    time=st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),
    dwell_s=st.none() | st.floats(0, 1e300),
)
options = st.builds(
    Options,
    rules=st.builds(
        WeightRules,
        half_life_days=st.none() | st.floats(5e-324, 1e300),
        max_items=st.integers(1, 8),
    ),
    max_interests=st.integers(1, 8),
    push=st.floats(0, 1),
    weights=st.just(dict.fromkeys(OF_EVERY_INDEX, 0.25)),
    search=st.builds(SearchOptions, binary_vectors=st.booleans()),
)


def known(history: History, rules: WeightRules) -> Known:
    """What the index says: every rendition of what says something, and the works of the rest."""
    weights = weigh(history, rules)
    works = {WORK_OF[item] for item in weights}
    silent = set(history.items) - set(weights)
    return Known(
        [document for document in DOCUMENTS if document.work in works],
        weights,
        {d.id: d.work for d in DOCUMENTS if {d.id, d.work} & silent},
    )


def values_of(part: Any, name: str) -> Iterator[Any]:  # noqa: ANN401 - whatever JSON holds
    """Everything that stands under a name in a body."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == name:
                yield value
            yield from values_of(value, name)
    elif isinstance(part, list):
        for value in part:
            yield from values_of(value, name)


def answers(plan: Plan) -> list[dict[str, Any]]:
    """What might be found: two works for each search."""
    return [
        {
            "timed_out": False,
            "_shards": {"failed": 0},
            "hits": {
                "hits": [
                    {
                        "_score": 0.5,
                        "fields": {"xlrec.id": [f"{work}@{r.language}"], "xlrec.work": [work]},
                    }
                    for work in ("new", f"new in {r.language}")
                ]
            },
        }
        for r in plan.requests
    ]


@given(st.lists(interactions, min_size=1, max_size=12), options)
@settings(deadline=None)
def test_any_history_makes_finite_numbers_and_searches_without_what_was_seen(
    some: list[Interaction], how: Options
) -> None:
    history = History(tuple(some))
    plan = make_plan(LIVE, history, known(history, how.rules), languages=LANGUAGES, options=how)
    profile, seen = plan.profile, {WORK_OF[item] for item in history.items}
    assert set(profile.seen) == seen
    assert sum(profile.liked.values()) == pytest.approx(float(bool(profile.liked)))
    assert sum(profile.parts.values()) == pytest.approx(float(bool(profile.interests)))
    for request in plan.requests:
        json.dumps(request.body, allow_nan=False)
        for vector in values_of(request.body, "query_vector"):
            if isinstance(vector, str):
                assert np.isfinite(np.frombuffer(base64.b64decode(vector), ">f4")).all()
        left_out = list(values_of(request.body, "must_not"))
        assert left_out
        assert all(part == [{"terms": {"xlrec.work": sorted(seen)}}] for part in left_out)
    result = finish(rank(plan, answers(plan), how), plan, how, size=4)
    shares = [reason.share for item in result.items for reason in item.reasons]
    assert np.isfinite([*shares, *(item.score for item in result.items)]).all()


def test_more_liked_works_than_a_query_has_parts_are_said() -> None:
    vector = np.asarray([1, 0, 0], np.float32)
    works = [f"w{n}" for n in range(MAX_CLAUSES + 1)]
    documents = [HistoryDocument(work, work, "de", None, vector) for work in works]
    how = Options(weights={"collaborative": 1.0})
    for some in (works, works[:-1]):
        told = Known(documents[: len(some)], dict.fromkeys(some, 1.0))
        plan = make_plan(LIVE, History.of(some), told, languages=["ja"], options=how)
        said = [note for note in plan.notes if "1000 heaviest of 1001 liked works" in note]
        assert len(said) == (some is works)


def test_a_language_that_is_excluded_is_never_a_target() -> None:
    options = Options(exclude=("DE",))
    assert plan_for(options).languages == ("ja",)
    assert plan_for(options, ["ja", "de", "en"]).languages == ("ja", "en")
    assert plan_for(Options(exclude=("de", "ja"))).languages == ("en",)
    for wrong in (["de"], []):
        with pytest.raises(UsageError, match="no target language"):
            plan_for(options, wrong)
    with pytest.raises(UnknownLanguage):
        plan_for(Options(exclude=("not a tag",)))


def test_texts_are_read_where_bm25_may_go_by_them() -> None:
    def read(
        languages: list[str] | None, options: Options | None = None, *, own: bool = False
    ) -> tuple[str, ...]:
        return texts_to_read(LIVE, languages, options or Options(), own=own)

    assert read(["JA", "en-GB"]) == ("xlrec.text.en", "xlrec.text.ja")
    assert read(["ja", "de"], Options(exclude=("de",))) == ("xlrec.text.ja",)
    assert read(["ja"], Options(weights={"dense": 1.0})) == ()
    # Without target languages, it is those that the history is not in, unless it is its own.
    assert read(None) == ()
    assert read(None, Options(exclude=("de", "en"))) == ("xlrec.text.ja",)
    assert read(None, own=True) == ("xlrec.text.de", "xlrec.text.en", "xlrec.text.ja")
