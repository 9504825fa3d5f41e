"""What is due is found on a real node, by gaps that were planted into an index of events."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from event_logs import NOW, event, write_events
from xlrec_es import EventSource, History, Interaction, Options, SearchOptions
from xlrec_es.errors import UsageError
from xlrec_es.relations.buy_again import AgainItem, AgainQuestion, BuyAgain

MONTHLY, WEEKLY, ONCE = "cooking-0@de", "cooking-3", "painting-3"


def purchases() -> list[dict[str, object]]:
    """Of forty users: one item each month, one each week, one that nobody buys twice."""
    random = np.random.default_rng(1)
    found = []
    for number in range(40):
        bought = {"user": f"user{number}", "event": "purchase"}
        for item, gap in ((MONTHLY, 30), (WEEKLY, 7)):
            days = 1 + random.uniform(0, gap) + gap * np.arange(5) * random.uniform(0.9, 1.1)
            found += [event(item, float(day)) | bought for day in days]
        found += [event(ONCE, float(random.uniform(1, 200))) | bought]
        found += [event(ONCE, float(day)) | bought | {"event": "view"} for day in range(9)]
    return found


def history(*pairs: tuple[str, float], event: str = "purchase") -> History:
    return History(
        tuple(Interaction(item, event, time=NOW - timedelta(days=ago)) for item, ago in pairs)
    )


def test_what_is_due_comes_first(es_each: Elasticsearch, index_name: str) -> None:
    write_catalogue(es_each, index_name)
    write_events(es_each, f"{index_name}-events", purchases(), shards=2)
    again = BuyAgain(es_each, index_name, EventSource(f"{index_name}-events"))

    def asked(*pairs: tuple[str, float], **how: object) -> list[AgainItem]:
        options = how.pop("options", None)
        assert options is None or isinstance(options, Options)
        question = AgainQuestion(history(*pairs), **how)  # type: ignore[arg-type]
        found = again.ask(question, options=options, now=NOW)
        return [item for item in found.items if isinstance(item, AgainItem)]

    # Of the week, the weekly one; after a month, the monthly one, and the weekly one is given up.
    both = asked((MONTHLY, 8), (WEEKLY, 7), (ONCE, 30))
    assert [item.id for item in both] == [WEEKLY, MONTHLY]
    first = both[0]
    assert first.again.gap_days == pytest.approx(7, abs=1)
    assert both[1].again.gap_days == pytest.approx(30, abs=4)
    assert first.score == pytest.approx(first.again.chance, abs=1e-3)
    usual = f"usually again after {first.again.gap_days:.0f} days"
    assert first.again.reason == f"bought once, last 7 days ago; {usual}"
    assert [item.id for item in asked((MONTHLY, 29), (WEEKLY, 29))] == [MONTHLY]
    assert asked((ONCE, 30)) == []
    # In the language that was bought, else in one that is asked for; the work decides.
    assert [item.id for item in asked(("cooking-0@ja", 29))] == ["cooking-0@ja"]
    assert [item.id for item in asked((MONTHLY, 29), languages=["en"])] == ["cooking-0@en"]
    assert asked((WEEKLY, 7), languages=["en"]) == []
    dear = Options(search=SearchOptions(filters=({"range": {"price": {"gte": 1}}},)))
    assert [item.id for item in asked((MONTHLY, 29), (WEEKLY, 7), options=dear)] == [WEEKLY]
    assert asked((MONTHLY, 29), excluded=["cooking-0"]) == []


def test_what_is_no_purchase_says_nothing(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    write_events(es, f"{index_name}-events", purchases())
    source = EventSource(f"{index_name}-events")
    again = BuyAgain(es, index_name, source)
    viewed = again.ask(AgainQuestion(history((MONTHLY, 29), event="view")), now=NOW)
    assert (viewed.items, viewed.notes) == ((), ())
    timeless = History((Interaction(MONTHLY, "purchase"), Interaction("nobody", "order")))
    found = again.ask(AgainQuestion(timeless), now=NOW)
    assert found.unknown_items == ("nobody",)
    assert found.notes == ("no purchase of the history has a time, so that none is due",)
    # Which events are purchases can be said.
    views = BuyAgain(es, index_name, source, purchases=["view"])
    assert views.ask(AgainQuestion(history((ONCE, 1), event="view")), now=NOW).items
    with pytest.raises(UsageError, match="ahead_days"):
        AgainQuestion(timeless, ahead_days=0)
    # What was learned is kept.
    again.ask(AgainQuestion(timeless))
    es.indices.delete(index=source.index)
    assert again.ask(AgainQuestion(history((MONTHLY, 29)))).items
