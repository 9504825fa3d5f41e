"""Pages that repeat nothing, and what was shown and not taken, on a real node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from catalogue import LANGUAGES, TOPICS, WORKS_PER_TOPIC, document, documents, write_catalogue
from xlrec_es import History, Options, Recommender, SearchOptions, Shown
from xlrec_es.errors import ConfigError, IndexNotFound, UsageError
from xlrec_es.recommend.recommendations import Recommendations

TASTES = (History.of(["chess-3", "cooking-1@ja"]), History())
HOW = (
    Options(),
    Options(mix="equal", search=SearchOptions(caps={"brand": 2})),
    Options(diversity=0.5),
    Options(fusion="rrf", weights={"dense": 1.0, "lexical": 1.0}),
)
ALL_WORKS = len(TOPICS) * WORKS_PER_TOPIC


def works(pages: Sequence[Recommendations]) -> list[str]:
    return [item.work for page in pages for item in page.items]


def ten_pages(recommender: Recommender, history: History, size: int) -> list[Recommendations]:
    pages = [recommender.recommend(history, size=size)]
    while len(pages) < 10 and pages[-1].cursor is not None:
        pages.append(recommender.recommend(history, size=size, after=pages[-1].cursor))
    return pages


@pytest.mark.parametrize("history", TASTES)
@pytest.mark.parametrize("options", HOW)
def test_ten_pages_repeat_nothing_though_the_index_changes(
    es: Elasticsearch, index_name: str, history: History, options: Options
) -> None:
    live = write_catalogue(es, index_name)
    recommender = Recommender(es, index_name, options=options)
    draw = np.random.default_rng(0)
    pages = [recommender.recommend(history, languages=LANGUAGES, size=3)]
    for number in range(9):
        assert pages[-1].cursor is not None
        extra = document("chess", 100 + number, ("de", "en", "ja")[number % 3])
        extra["xlrec"] |= {"id": f"new-{number}", "popularity": float(draw.random())}  # type: ignore[operator]
        es.index(index=live.name, id=f"new-{number}", document=extra)
        gone = sorted(documents())[int(draw.integers(50))]
        es.options(ignore_status=404).delete(index=live.name, id=gone, refresh=True)
        after = pages[-1].cursor
        pages.append(recommender.recommend(history, languages=LANGUAGES, size=3, after=after))
    shown = works(pages)
    assert len(shown) == len(set(shown)) == 30
    assert any(work.startswith("chess-1") and len(work) > 8 for work in shown), "nothing new came"


def test_pages_end_when_everything_was_shown(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    pages = ten_pages(recommender, History.of(["chess-3"]), 9)
    shown = works(pages)
    languages = {item.language for page in pages for item in page.items}
    assert languages == {"en", "ja"}
    expected = {
        str(body["xlrec"]["work"])  # type: ignore[index]
        for body in documents().values()
        if body["xlrec"]["language"] in languages  # type: ignore[index]
    }
    assert sorted(shown) == sorted(expected)
    assert pages[-1].items == ()
    assert pages[-1].cursor is None


@pytest.mark.parametrize("options", HOW)
def test_a_page_by_its_number_is_the_one_by_its_cursor(
    es: Elasticsearch, index_name: str, options: Options
) -> None:
    write_catalogue(es, index_name)
    recommender = Recommender(es, index_name, options=options)
    pages = ten_pages(recommender, TASTES[0], 4)
    for number in (1, 2, 4):
        assert recommender.recommend(TASTES[0], size=4, page=number) == pages[number - 1]


def test_what_is_no_page_is_refused(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    recommender = Recommender(es, index_name)
    cursor = recommender.recommend(History()).cursor
    for arguments, said in (
        ({"page": 0}, "counted from 1"),
        ({"page": 2, "after": cursor}, "one of the two"),
        ({"page": 200}, "beyond 1,000 items"),
        ({"after": "page 2"}, "no cursor of this version"),
        ({"shown": "chess-1"}, "a list of ids"),
    ):
        with pytest.raises(UsageError, match=said):
            recommender.recommend(History(), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("history", TASTES)
@pytest.mark.parametrize("options", HOW)
def test_what_was_shown_comes_after_all_else(
    es: Elasticsearch, index_name: str, history: History, options: Options
) -> None:
    write_catalogue(es, index_name)
    # A cap ends lists before everything was shown.
    options = replace(options, search=SearchOptions())
    recommender = Recommender(es, index_name, options=options)
    first = recommender.recommend(history, size=6)
    # Documents and works alike; and of a work that was shown, no other language version comes.
    shown = [item.id if n % 2 else item.work for n, item in enumerate(first.items)]
    second = recommender.recommend(history, size=6, shown=[*shown, "nobody has this id"])
    assert len(second.items) == 6
    assert not {item.work for item in second.items} & {item.work for item in first.items}
    everything = recommender.recommend(history, size=ALL_WORKS, shown=shown)
    last = [item.work for item in everything.items][-6:]
    assert sorted(last) == sorted(item.work for item in first.items)
    assert "6 of these were shown before: nothing else is left" in everything.notes
    scores = [item.score for item in everything.items]
    assert max(scores[-6:]) <= min(scores[:-6])
    assert sum(share.filled for share in everything.languages) == len(everything.items)
    whole = recommender.recommend(history, size=ALL_WORKS)
    assert {item.work for item in whole.items} == {item.work for item in everything.items}


@pytest.fixture
def shown_index(catalogue: Elasticsearch, index_name: str) -> str:
    return f"{index_name}-shown"


def impression(user: str, page: Recommendations, ago: timedelta) -> list[dict[str, object]]:
    return page.impressions(user=user, variant="a", time=datetime.now(UTC) - ago)


def write(client: Elasticsearch, index: str, rows: Sequence[dict[str, object]]) -> None:
    for row in rows:
        client.index(index=index, document=row)
    client.indices.refresh(index=index)


def test_impressions_of_an_index_count_for_a_while(
    catalogue: Elasticsearch, index_name: str, shown_index: str
) -> None:
    """The mapping is the one that Elasticsearch makes of the rows: users are text."""
    recommender = Recommender(catalogue, index_name)
    history = History.of(["chess-3"])
    first = recommender.recommend(history, size=4)
    rows = impression("ann lee", first, timedelta(hours=1))
    rows[1]["clicked"] = True
    write(catalogue, shown_index, rows)
    of_ann = Shown(shown_index, "ann lee", window="2h", half_life="1d")
    now = recommender.recommend(history, size=4, shown=of_ann)
    behind = {item.work for n, item in enumerate(first.items) if n != 1}
    assert not behind & {item.work for item in now.items}
    assert first.items[1].work in {item.work for item in now.items}
    # Another user with one of the words in the name, and one of whom nothing is written.
    for user in ("ann", "bob"):
        other = recommender.recommend(history, size=4, shown=Shown(shown_index, user))
        assert [item.id for item in other.items] == [item.id for item in first.items]


def test_older_impressions_lower_a_score(
    catalogue: Elasticsearch, index_name: str, shown_index: str
) -> None:
    recommender = Recommender(catalogue, index_name)
    history = History.of(["chess-3"])
    before = recommender.recommend(history, size=40)
    page = recommender.recommend(history, size=2)
    ago = timedelta(days=2, hours=1)  # a day beyond the window: half of the score is back
    write(catalogue, shown_index, impression("ann", page, ago))
    shown = Shown(shown_index, "ann", window="1d", half_life="1d")
    after = recommender.recommend(history, size=40, shown=shown)
    scores = {item.work: item.score for item in before.items}
    for item in after.items:
        part = 0.5 if item.work in {i.work for i in page.items} else 1.0
        assert item.score == pytest.approx(scores[item.work] * part)
    assert {item.work for item in after.items} == {item.work for item in before.items}
    # And long ago is never.
    longer = Shown(shown_index, "ann", window="1s", half_life="1h")
    assert recommender.recommend(history, size=40, shown=longer).items == before.items


def test_impressions_that_cannot_be_read_are_an_error(
    catalogue: Elasticsearch, index_name: str, shown_index: str
) -> None:
    recommender = Recommender(catalogue, index_name)
    with pytest.raises(IndexNotFound, match=r"no index .* of impressions; write the rows"):
        recommender.recommend(History(), shown=Shown(shown_index, "ann"))
    properties = {"user": {"type": "text"}, "time": {"type": "keyword"}}
    catalogue.indices.create(index=shown_index, mappings={"properties": properties})
    with pytest.raises(ConfigError, match=r"'user' of .* is text"):
        recommender.recommend(History(), shown=Shown(shown_index, "ann"))
    named = Shown(shown_index, "ann", fields={"user": "id"})
    with pytest.raises(ConfigError, match=r"'time' of .* is no date"):
        recommender.recommend(History(), shown=named)
    fused = Recommender(catalogue, index_name, options=Options(server_side=True))
    with pytest.raises(UsageError, match="give the ids of what was shown"):
        fused.recommend(History(), shown=named)
