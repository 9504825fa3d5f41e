"""Pages of a search, and what is at their ends; no server is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from xlrec_es.errors import SearchFailed
from xlrec_es.index.paging import BY_ID, PagedSearch, all_hits
from xlrec_es.index.search_limits import SearchLimits, parts

Document = tuple[str, str | None]


def answer(body: Mapping[str, Any], documents: Sequence[Document]) -> dict[str, Any]:
    """What Elasticsearch answers to a page's request."""
    found = list(documents)
    if "sort" in body:
        found.sort(key=lambda document: document[0])
        [after] = body.get("search_after", [""])
        found = [document for document in found if document[0] > after]
    hits = [
        {"_id": id_, "_index": "i", **({"_routing": routing} if routing else {}), "sort": [id_]}
        for id_, routing in found[: body["size"]]
    ]
    shards = {"total": 1, "successful": 1, "failed": 0}
    return {"timed_out": False, "_shards": shards, "hits": {"hits": hits}}


def read(search: PagedSearch, documents: Sequence[Document]) -> list[Document]:
    """All that a search finds, and how often it asked is bounded."""
    for _ in range(100):
        if search.body is None:
            break
        search.take(answer(search.body, documents))
    assert search.body is None
    return [(hit["_id"], hit.get("_routing")) for hit in search.hits]


PLAIN: list[Document] = [(f"d{n:02}", None) for n in range(23)]
ROUTED: list[Document] = [(f"d{n:02}", routing) for n in range(9) for routing in ("x", "y", "z")]


@pytest.mark.parametrize("size", [4, 5, 22, 23, 24])
@pytest.mark.parametrize("may_be_more", [False, True])
@pytest.mark.parametrize("documents", [PLAIN, ROUTED, []])
def test_every_document_is_found_once(
    size: int, may_be_more: bool, documents: list[Document]
) -> None:
    search = PagedSearch({"size": size}, may_be_more=may_be_more)
    assert sorted(read(search, documents)) == sorted(documents)  # type: ignore[type-var]


def test_what_fits_is_asked_for_as_it_is() -> None:
    search = PagedSearch({"size": 24})
    assert search.body == {"size": 24}
    search.take(answer({"size": 24}, PLAIN))
    assert (search.body, len(search.hits)) == (None, 23)
    full = PagedSearch({"size": 23})
    full.take(answer({"size": 23}, PLAIN))
    assert (full.body, full.hits) == ({"size": 23, "sort": BY_ID}, [])


def test_a_page_that_does_not_hold_one_id_is_refused() -> None:
    with pytest.raises(SearchFailed, match=r"all of one id \(d00\); raise index.max_result_window"):
        read(PagedSearch({"size": 3}), ROUTED)


def test_what_an_answer_lacks_is_remembered() -> None:
    search = PagedSearch({"size": 24})
    partial = answer({"size": 24}, PLAIN[:3])
    partial["_shards"] = {"total": 3, "successful": 1, "failed": 2}
    search.take({**partial, "timed_out": True})
    assert search.lacks == [
        "ran out of time and saw only a part of the index",
        "reached only 1 of 3 shards",
    ]


def test_of_several_searches_each_document_is_there_once() -> None:
    searches = [PagedSearch({"size": 24}) for _ in range(2)]
    for search, some in zip(searches, (PLAIN, PLAIN[5:]), strict=True):
        read(search, some)
    assert [hit["_id"] for hit in all_hits(searches)] == [id_ for id_, _ in PLAIN]


def test_limits_and_parts() -> None:
    assert SearchLimits.of({}) == SearchLimits(10_000, 65_536)
    nested = {"index": {"max_result_window": "20", "max_terms_count": "9"}}
    assert SearchLimits.of(nested) == SearchLimits(20, 9)
    flat = {"index.max_result_window": "50000", "index.max_terms_count": "70000"}
    assert SearchLimits.of(flat) == SearchLimits(10_000, 70_000)
    assert SearchLimits(20, 9).ids == 9
    assert parts("abcde", 2) == [["a", "b"], ["c", "d"], ["e"]]
    assert parts([], 2) == [[]]
