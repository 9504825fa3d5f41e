"""Lists that are counted from events, by the name of their relation: so a placement asks for them.

Pages are parts of one longer list, which stays the same as long as what was counted is good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from elasticsearch import Elasticsearch

from xlrec_es.errors import UsageError
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.relations.buy_again import AgainQuestion, BuyAgain
from xlrec_es.relations.names import TRENDING
from xlrec_es.relations.trending import TrendQuestion, Trends

NO_EVENTS = "this list is counted from events, and there is no index of them: name one"


@dataclass(frozen=True, slots=True)
class CountedQuestion:
    """What is asked.

    Attributes:
        relation: One of `names.COUNTED`.
        options: Filters, caps, fields, market, languages that are left out.
        languages: Target languages; None: all of the index.
        size: How many items.
        page: From 1.
        excluded: Ids of works or documents that are left out.
    """

    relation: str
    options: Options
    languages: Sequence[str] | None = None
    size: int = 10
    page: int = 1
    excluded: Sequence[str] = ()


class CountedLists:
    """The lists of an index that are counted from events. They may be shared by threads."""

    def __init__(
        self,
        client: Elasticsearch,
        index: str,
        source: EventSource,
        *,
        options: Options | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            client: See `connection.connect`.
            index: Alias or index that `xlrec-ingest run` made.
            source: Where events are.
            options: As for `Trends` and `BuyAgain`.
        """
        self.source = source
        self.trends = Trends(client, index, source, options=options)
        self.repurchases = BuyAgain(client, index, source, options=options)

    def ask(self, question: CountedQuestion, history: History | None = None) -> Recommendations:
        """What trends without what the user knows, or what the user may buy again.

        Args:
            question: What is asked.
            history: What the user did; of `buy-again`, purchases with their times.

        Raises:
            XlrecError: As for `Trends.ask` and `BuyAgain.ask`.
        """
        history, how = history or History(), question.options
        whole = question.size * question.page
        if question.relation == TRENDING:
            # Without a field for it, a market is that of popularity alone.
            market = how.search.market if self.source.market is not None else None
            seen = (*history.items, *question.excluded)
            trend = TrendQuestion(question.languages, whole, market, seen=seen)
            found = self.trends.ask(trend, options=how)
        else:
            again = AgainQuestion(history, question.languages, whole, excluded=question.excluded)
            found = self.repurchases.ask(again, options=how)
        before = whole - question.size
        return replace(found, items=found.items[before:]) if before else found


def lists_or_refusal(lists: CountedLists | None) -> CountedLists:
    """The lists, where there are events.

    Raises:
        UsageError: There are none.
    """
    if lists is None:
        raise UsageError(NO_EVENTS)
    return lists
