"""What trends is found on a real node: planted bursts, by users and not by clicks, by market."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from event_logs import NOW, bot, burst, event, usual_weeks, write_events
from xlrec_es import Options, SearchOptions
from xlrec_es.errors import ConfigError, IndexNotFound, UnknownLanguage, UsageError
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.relations.periods import Periods
from xlrec_es.relations.trending import TrendingItem, TrendQuestion, Trends


def asked(trends: Trends, options: Options | None = None, **question: object) -> list[TrendingItem]:
    found = trends.ask(
        TrendQuestion(**question),  # type: ignore[arg-type]
        options=options,
        now=NOW,
    )
    assert not found.degraded
    return [item for item in found.items if isinstance(item, TrendingItem)]


def test_bursts_of_users_trend_in_their_market_alone(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name)
    events = [
        *usual_weeks(),
        *burst("chess-0@ja", 45),
        *burst("cooking-5", 30),  # a work of one document, in Japanese
        *burst("astronomy-1@de", 60),
        *bot("painting-1@ja", 10_000),
        *burst("painting-2@ja", 60, event="hide"),
        *burst("nothing-that-the-index-has", 90),
    ]
    write_events(es_each, f"{index_name}-events", events, shards=2)
    trends = Trends(es_each, index_name, EventSource(f"{index_name}-events"))
    first, second = asked(trends, languages=["ja"])
    assert (first.id, first.work, first.language) == ("chess-0@ja", "chess-0", "ja")
    assert (second.id, second.trend.market) == ("cooking-5", "ja")
    assert first.title == "Chess 0"
    assert 45 <= first.trend.users <= 70
    assert 1 < first.trend.low < first.trend.times < first.trend.high
    assert first.score == pytest.approx(first.trend.low, abs=1e-3)
    assert first.retrievers["trending"].rank == 1
    assert first.trend.reason == (
        f"trends in ja: {first.trend.users} users in the last 7d, {first.trend.times:.1f} times as "
        f"many as expected (95% interval {first.trend.low:.1f} to {first.trend.high:.1f})"
    )
    # Of each language, what trends there; one that has none trending has none.
    assert [item.id for item in asked(trends, languages=["de"])] == ["astronomy-1@de"]
    assert asked(trends, languages=["en"]) == []
    assert {item.id for item in asked(trends)} == {"chess-0@ja", "cooking-5", "astronomy-1@de"}
    assert [item.id for item in asked(trends, size=1)] == [asked(trends)[0].id]
    # A week before, nothing of it had begun.
    before = trends.ask(TrendQuestion(periods=Periods(past=3)), now=NOW - timedelta(days=7))
    assert not {"chess-0", "cooking-5", "astronomy-1"} & {item.work for item in before.items}
    daily = asked(trends, languages=["ja"], periods=Periods("5d"))
    assert [item.id for item in daily] == ["chess-0@ja", "cooking-5"]


def test_markets_that_a_field_names(es_each: Elasticsearch, index_name: str) -> None:
    """An item that trends in Japan is shown in the user's language, and in no other market."""
    write_catalogue(es_each, index_name)
    usual = [one | {"country": ("jp", "us")[n % 2]} for n, one in enumerate(usual_weeks())]
    both = [event("chess-1@de", n % 5, user=f"both{n}", country="jp") for n in range(30)]
    again = [one | {"item": "chess-1@ja"} for one in both]
    events = [*usual, *burst("chess-0@ja", 40, country="jp"), *both, *again]
    write_events(es_each, f"{index_name}-events", events)
    source = EventSource(f"{index_name}-events", market="country")
    trends = Trends(es_each, index_name, source)
    found = asked(trends, languages=["en", "de"], market="jp")
    assert [item.id for item in found] == ["chess-0@en", "chess-1@en"]
    assert {item.trend.market for item in found} == {"jp"}
    # Who used two language versions of an item is one user of it.
    assert 30 <= found[1].trend.users <= 45
    assert asked(trends, languages=["en", "de"], market="us") == []
    assert asked(trends, market="fr") == []
    [everywhere] = {item.trend.market for item in asked(trends)}
    assert everywhere is None
    plain = Trends(es_each, index_name, replace(source, market=None))
    with pytest.raises(UsageError, match="no field of the events names theirs"):
        plain.ask(TrendQuestion(market="jp"))


def test_filters_caps_languages_and_what_was_seen(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    bursts = [one for n in range(4) for one in burst(f"chess-{n}", 40 + n)]
    write_events(es, f"{index_name}-events", [*usual_weeks(), *bursts])
    trends = Trends(es, index_name, EventSource(f"{index_name}-events"))

    def works(options: Options | None = None, **question: object) -> list[str]:
        return sorted(item.work for item in asked(trends, options, **question))

    # Works 0 to 2 have several language versions: which market, their ids do not say.
    assert works() == ["chess-3"]
    everyone = Trends(es, index_name, EventSource(f"{index_name}-events", market="country"))

    def all_works(options: Options | None = None, **question: object) -> list[str]:
        return sorted(item.work for item in asked(everyone, options, **question))

    assert all_works() == [f"chess-{n}" for n in range(4)]
    assert all_works(seen=["chess-1@ja", "chess-3", "what nobody knows"]) == ["chess-0", "chess-2"]
    cheap = Options(search=SearchOptions(filters=({"range": {"price": {"gte": 2}}},)))
    assert all_works(cheap) == ["chess-2", "chess-3"]
    capped = Options(search=SearchOptions(caps={"brand": 1}, source=("price",)))
    assert len(all_works(capped)) == 2
    [dear] = [one for one in asked(everyone, capped) if one.work in ("chess-1", "chess-3")]
    assert dear.source == {"title": dear.title, "price": int(dear.work[-1])}
    # Only in languages that are asked for, and that are not left out.
    assert all_works(languages=["ja"]) == ["chess-0", "chess-1", "chess-2"]
    assert all_works(Options(exclude=("de", "ja"))) == ["chess-0", "chess-1", "chess-2"]
    with pytest.raises(UnknownLanguage, match="no documents in fr"):
        works(languages=["fr"])
    with pytest.raises(UnknownLanguage, match="no target language is left"):
        works(Options(exclude=("ja",)), languages=["ja"])


def test_counts_are_kept_for_a_while(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    source = EventSource(f"{index_name}-events")
    trends = Trends(es, index_name, source)
    with pytest.raises(IndexNotFound, match=r"no index .* of events"):
        trends.ask()
    write_events(es, source.index, usual_weeks())
    assert trends.ask(now=NOW).items == ()
    trends.ask()
    es.indices.delete(index=source.index)
    trends.ask()
    with pytest.raises(IndexNotFound):
        Trends(es, index_name, source).ask()


def test_events_that_cannot_be_counted_are_told(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    es.indices.create(
        index=f"{index_name}-events",
        mappings={"properties": {"time": {"type": "long"}, "item": {"type": "text"}}},
    )
    with pytest.raises(ConfigError, match="is no date field"):
        Trends(es, index_name, EventSource(f"{index_name}-events")).ask()
    es.indices.put_mapping(index=f"{index_name}-events", properties={"at": {"type": "date"}})
    with pytest.raises(ConfigError, match=r"'item' of .* is text"):
        Trends(es, index_name, EventSource(f"{index_name}-events", time="at")).ask()
