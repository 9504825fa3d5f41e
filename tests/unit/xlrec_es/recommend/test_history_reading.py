"""What is asked of an index about the items of a history."""

from __future__ import annotations

from typing import Any

from plans import LIVE
from xlrec_es.cluster.answers import Answer
from xlrec_es.recommend.calls import Call, Done, advance
from xlrec_es.recommend.history_reading import TEXTS_READ, Items, read_in_full


def hit(id_: str, **source: Any) -> Answer:  # noqa: ANN401 - whatever JSON holds
    fields = {"xlrec.work": [id_], "xlrec.language": ["en"]}
    return {"_index": LIVE.name, "_id": id_, "fields": fields, "_source": source}


def answer(*hits: Answer) -> Answer:
    return {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": hits}}


def test_texts_are_read_of_the_first_items_alone() -> None:
    items = [f"w{number}" for number in range(TEXTS_READ + 20)]
    steps = read_in_full("apps", LIVE, Items(items, texts=("xlrec.text.en",)))
    asked = advance(steps)
    assert isinstance(asked, Call)
    others, first = asked.arguments["searches"][1::2]
    named = [body["query"]["bool"]["should"][0]["ids"]["values"] for body in (first, others)]
    assert named == [items[:TEXTS_READ], items[TEXTS_READ:]]
    assert "xlrec.text.en" in first["_source"]
    assert not others["_source"] or "xlrec.text.en" not in others["_source"]
    # One document by its id, and by the work that it is of: the answer with the text stays.
    with_text = hit("w1", xlrec={"text": {"en": "chess"}})
    done = advance(steps, {"responses": [answer(hit("w1"), hit("w60")), answer(with_text)]})
    assert isinstance(done, Done)
    read, _ = done.result
    assert {one["_id"]: one["_source"] for one in read.documents} == {
        "w1": {"xlrec": {"text": {"en": "chess"}}},
        "w60": {},
    }


def test_one_search_does_where_all_texts_are_read_or_none() -> None:
    few, many = ["w1", "w2"], [f"w{number}" for number in range(TEXTS_READ + 1)]
    for items in (Items(few, texts=("xlrec.text.en",)), Items(many)):
        asked = advance(read_in_full("apps", LIVE, items))
        assert isinstance(asked, Call)
        assert set(asked.arguments) == {"index", "body"}
