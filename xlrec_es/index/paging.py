"""Searches for all that they find, in as many requests as that takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xlrec_es.cluster.answers import Answer, hits_of, lacks_of
from xlrec_es.cluster.scan import key_of
from xlrec_es.errors import SearchFailed
from xlrec_es.index.fields import ID_FIELD

BY_ID = [{ID_FIELD: {"order": "asc", "unmapped_type": "keyword"}}]
"""An order in which a search can go on where it left off, without a point in time.

Which a key for an alias may not have; and the number that orders documents at one
(`_shard_doc`) is none without it.
"""


class PagedSearch:
    """A search for all that it finds, in as many requests as that takes.

    Attributes:
        body: The next request; None at the end.
        hits: What was found so far.
        lacks: What is wrong with the answers, in phrases; see `answers.lacks_of`.
    """

    def __init__(self, body: Mapping[str, Any], *, may_be_more: bool = False) -> None:
        """Nothing is asked yet.

        Args:
            body: Without an order; `size` is that of a page.
            may_be_more: Whether it is likely to find more than a page. Without that, it is sent as
                it is, and from its beginning again, in order, where the answer is full.
        """
        self.body: dict[str, Any] | None = {**body, "sort": BY_ID} if may_be_more else dict(body)
        self.hits: list[Answer] = []
        self.lacks: list[str] = []

    def take(self, answer: Answer) -> None:
        """Take the answer to `body`.

        Raises:
            IndexNotFound: The index is gone.
            SearchFailed: The search failed; or a page does not hold the documents of one id.
        """
        asked = self.body
        if asked is None:
            return
        found = hits_of(answer)
        self.lacks += lacks_of(answer)
        if len(found) < asked["size"]:
            self.hits += found
            self.body = None
            return
        if "sort" not in asked:
            self.body = {**asked, "sort": BY_ID}
            return
        # Documents of one id, which have other routings, may be on both sides of the page's end:
        # those of the last id are asked for again.
        last = found[-1]["sort"]
        before = [hit for hit in found if hit["sort"] != last]
        if not before:
            raise SearchFailed(
                f"a search may have {asked['size']} hits and no more, which are all of one id "
                f"({last[0]}); raise index.max_result_window of {found[0]['_index']}"
            )
        self.hits += before
        self.body = {**asked, "search_after": before[-1]["sort"]}


def all_hits(searches: Sequence[PagedSearch]) -> list[Answer]:
    """What several searches found, each document once."""
    found = [hit for search in searches for hit in search.hits]
    return once_each(found) if len(searches) > 1 else found


def once_each(hits: Iterable[Answer]) -> list[Answer]:
    """The hits, each document once: two of one id have other routings."""
    return list({key_of(hit): hit for hit in hits}.values())
