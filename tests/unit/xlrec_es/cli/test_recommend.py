from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner
from rich.console import Console

from xlrec_es.cli.main import main
from xlrec_es.cli.recommend import explained_table, reasons_of
from xlrec_es.recommend.recommendations import (
    Reason,
    Recommendation,
    Recommendations,
    RetrieverScore,
)


def test_every_retriever_that_found_a_recommendation_has_a_line() -> None:
    retrievers = {"dense": RetrieverScore(2, 0.5, 0.75), "lexical": RetrieverScore(1, 12.5, 0.25)}
    reasons = (Reason("gimp", "GIMP [2]", 0.6), Reason("krita", None, 0.4))
    item = Recommendation("a", "a", "ja", 0.9, "絵", retrievers, reasons)
    console = Console(width=160, record=True, file=None, force_terminal=False)
    with console.capture() as shown:
        console.print(explained_table(Recommendations((item,), "apps", "f")))
    first, second = (line for line in shown.get().splitlines() if "%" in line)
    assert "GIMP [2] 60%, krita 40%" in first
    assert [word for word in first.split() if word in ("dense", "2", "0.500", "75%")] == [
        "dense", "2", "0.500", "75%",
    ]  # fmt: skip
    assert "絵" not in second
    assert {"lexical", "1", "12.500", "25%"} <= set(second.split())


def test_weak_reasons_are_left_out_unless_they_are_asked_for() -> None:
    reasons = (
        Reason("gimp", "GIMP", 0.9),
        Reason("krita", None, 0.05),
        Reason("xsane", None, 0.04),
    )
    item = Recommendation("a", "a", "ja", 0.9, "絵", {}, reasons)
    assert reasons_of(item) == "GIMP 90%, krita 5%"
    assert reasons_of(item, least=0.0) == "GIMP 90%, krita 5%, xsane 4%"
    assert reasons_of(replace(item, reasons=reasons[2:])) == "many, each below 5%"
    assert reasons_of(replace(item, reasons=())) == ""


def test_a_relation_that_spoke_is_named() -> None:
    reasons = tuple(Reason(item, None, 0.5, "bought-together") for item in ("tea", "pot"))
    item = Recommendation("a", "a", "ja", 0.9, "絵", {}, reasons)
    assert reasons_of(item) == "bought together with tea 50%, pot 50%"


def test_tokens_that_two_texts_share_stand_beside_the_item() -> None:
    reasons = (Reason("gimp", "GIMP", 0.9, tokens=("paint", "photo")), Reason("krita", None, 0.1))
    item = Recommendation("a", "a", "ja", 0.9, "絵", {}, reasons)
    assert reasons_of(item) == "GIMP 90% (paint photo), krita 10%"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--filter", "{"], "is not JSON"),
        (["--filter", "[]"], "give a query such as"),
        (["--cap", "brand"], "needs a number"),
        (["--cap", "brand=1.5"], "give a whole number"),
        (["--cap", "brand=0"], "use at least 1"),
        (["--boost", '{"match_all": {}}'], "is no finite number; FACTOR=JSON"),
        (["--boost", "2=brand"], "--boost 'brand' is not JSON"),
        (["--boost", '0={"match_all": {}}'], "use a number above zero"),
        (["--boost", '2={"match_all": {}}', "--server-side"], "leave out mix 'auto' and boosts"),
        (["--diversity", "2"], "is not in the range 0<=x<=1"),
        (["--min-similarity", "2"], "a cosine is -1 to 1"),
        (["--fusion", "rrff"], "is not one of"),
    ],
)
def test_bad_options_end_in_one_sentence(arguments: list[str], sentence: str) -> None:
    for command in ("recommend", "query", "similar"):
        done = CliRunner().invoke(main, [command, "-i", "none", *arguments, "a"])
        assert (done.exit_code, sentence in done.output) == (2, True), done.output
