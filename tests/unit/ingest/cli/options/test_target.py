from __future__ import annotations

import pytest

from ingest.cli.options.target import WrittenIndex
from ingest.write.modes import COMPANION, IN_PLACE, VERSION
from xlrec_es.errors import ConfigError


@pytest.mark.parametrize(
    ("source", "index", "ways", "expected"),
    [
        ("items.jsonl", "shop", (False, False), WrittenIndex("shop", VERSION)),
        ("index:shop", "shop-2", (False, False), WrittenIndex("shop-2", VERSION)),
        ("index:shop", None, (True, False), WrittenIndex("shop", IN_PLACE)),
        ("index:shop", "shop", (True, False), WrittenIndex("shop", IN_PLACE)),
        ("index:shop", None, (False, True), WrittenIndex("shop-xlrec", COMPANION)),
        ("index:shop", "other", (False, True), WrittenIndex("other", COMPANION)),
    ],
)
def test_which_index_is_written(
    source: str, index: str | None, ways: tuple[bool, bool], expected: WrittenIndex
) -> None:
    in_place, companion = ways
    assert WrittenIndex.chosen(source, index, in_place=in_place, companion=companion) == expected


@pytest.mark.parametrize(
    ("source", "index", "ways", "message"),
    [
        ("items.jsonl", None, (False, False), "name the index"),
        ("index:shop", None, (True, True), "choose one"),
        ("items.jsonl", None, (True, False), "given as index:NAME"),
        ("items.jsonl", "shop", (False, True), "given as index:NAME"),
        ("index:", None, (True, False), "given as index:NAME"),
        ("index:shop", "other", (True, False), "leave --index other out"),
        ("index:shop", "shop", (False, True), "--index shop-xlrec"),
    ],
)
def test_what_contradicts_itself(
    source: str, index: str | None, ways: tuple[bool, bool], message: str
) -> None:
    in_place, companion = ways
    with pytest.raises(ConfigError, match=message):
        WrittenIndex.chosen(source, index, in_place=in_place, companion=companion)
