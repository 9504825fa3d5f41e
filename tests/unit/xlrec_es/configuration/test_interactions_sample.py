"""What a file of interactions is found to hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xlrec_es.configuration.interactions_sample import sample_interactions
from xlrec_es.errors import SourceError
from xlrec_es.interactions.likes import COLUMNS, USUAL_COLUMNS

LOG = """customer_id\tproduct_id\taction\tts
ann\t7\tpurchase\t2026-05-01
ann\t8\tpeeked\t2026-05-02
bob\t7\tAdd to Cart\t2026-05-01
bob\t7\tpurchase\t2026-05-01
"""


def test_the_usual_columns_begin_with_the_names_that_need_no_telling() -> None:
    assert tuple(USUAL_COLUMNS) == COLUMNS
    assert all(usual[0] == column for column, usual in USUAL_COLUMNS.items())


def test_columns_events_and_what_they_weigh(tmp_path: Path) -> None:
    path = tmp_path / "log.tsv"
    path.write_text(LOG)
    told = sample_interactions(path)
    assert told.assignments == ["user=customer_id", "item=product_id", "event=action", "time=ts"]
    assert (told.rows, told.users, told.items) == (4, 2, 2)
    assert told.events == {"purchase": 2, "peeked": 1, "Add to Cart": 1}
    assert told.weights() == {"purchase": 5.0, "peeked": None, "Add to Cart": 3.0}
    assert told.weights({"cart": 1.0}) == {"purchase": None, "peeked": None, "Add to Cart": 1.0}


def test_ratings_of_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    rows = [{"user": 1, "item": n, "stars": n} for n in (1, 4, 2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = sample_interactions(path)
    assert told.columns == {"user": "user", "item": "item", "rating": "stars"}
    assert told.ratings == (1.0, 4.0)
    assert told.events == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.tsv", "who\titem\nann\t7\n", "no column that is called like user, but who, item"),
        ("log.csv", "user,item\n", "has no interactions"),
        ("log.xml", "<a/>", "rows are read from .csv"),
    ],
)
def test_a_file_of_nothing_ends_in_a_sentence(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(SourceError, match=message):
        sample_interactions(path)
