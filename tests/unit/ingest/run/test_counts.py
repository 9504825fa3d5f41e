"""What a run counts."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from ingest.run.counts import INDEXING, MOST_VALUES, OTHERS, Counts, Tally


def test_time_adds_up_by_stage_even_if_it_fails() -> None:
    tally = Tally()
    with tally.timed("read"):
        pass
    once = tally.seconds["read"]
    with pytest.raises(ValueError, match="x"), tally.timed("read"):
        raise ValueError("x")
    assert tally.seconds["read"] > once > 0


def test_of_values_without_end_the_most_common_are_kept() -> None:
    tally = Tally()
    for number in range(3 * MOST_VALUES):
        window = Counts()
        window.read_as["English → en"] += 5
        window.read_as[f"author {number} → en (detected)"] += 1
        tally.add(window)
    assert len(tally.read_as) == MOST_VALUES
    assert tally.read_as["English → en"] == 15 * MOST_VALUES
    assert tally.read_as.total() == 18 * MOST_VALUES
    assert tally.read_as[OTHERS] > 2 * MOST_VALUES - 2


def test_counts_of_several_windows_are_one() -> None:
    both = Counts(documents=3, indexed=1, unchanged=1, languages=Counter(de=1, en=2))
    both.add(Counts(documents=2, rejected=1, deleted=1, languages=Counter(en=2)))
    assert both == Counts(
        documents=5,
        indexed=1,
        unchanged=1,
        rejected=1,
        deleted=1,
        languages=Counter(de=1, en=4),
    )
    both.superseded = 7
    assert both.settled_well == 1 + 1 + 7 + 1


def test_a_run_goes_on_with_the_counts_of_the_one_before() -> None:
    before = Counts(*range(1, 12), Counter(en=5), Counter(de=1), Counter({"xx → en": 2}))
    stored = orjson.loads(orjson.dumps(before.as_json()))
    assert stored["languages"] == {"en": 5}
    assert (stored["documents"], stored["encoded"]) == (1, 9)
    tally = Tally()
    tally.set_from(stored)
    assert tally.as_json() == before.as_json()
    tally.languages["de"] += 1  # as only a Counter can

    del stored["pictures"]  # of an earlier program, which had none
    tally = Tally()
    tally.set_from(stored)
    assert tally.as_json() == {**before.as_json(), "pictures": 0}


def test_not_more_values_are_forgotten_than_need_be() -> None:
    def of(n: int) -> Counter[str]:
        return Counter({f"value {number}": number + 1 for number in range(n)})

    just = Counts(read_as=of(MOST_VALUES))
    just.add(Counts())
    assert just.read_as == of(MOST_VALUES)
    more = Counts(read_as=of(MOST_VALUES))
    more.add(Counts(read_as=Counter({"another": 1})))
    assert more.read_as.pop(OTHERS) == 2
    assert more.read_as == {f"value {n}": n + 1 for n in range(1, MOST_VALUES)}


@pytest.mark.parametrize(
    ("seconds", "threads", "expected"),
    [
        ({"read": 2, "compare": 1, "encode": 8, "write": 6}, {}, ("encode", 0.8)),
        ({"read": 2, "compare": 7, "encode": 8, "write": 6}, {}, ("read", 0.9)),
        ({"read": 2, "encode": 8, "write": 6}, {"encode": 2}, ("write", 0.6)),
        ({"write": 11}, {}, ("write", 1.0)),
        ({}, {}, ("read", 0.0)),
    ],
)
def test_one_stage_is_what_the_others_wait_for(
    seconds: dict[str, float], threads: dict[str, int], expected: tuple[str, float]
) -> None:
    tally = Tally(documents=1, seconds={INDEXING: 10, **seconds})
    assert tally.bottleneck(threads) == pytest.approx(expected)


def test_a_run_without_documents_has_no_bottleneck() -> None:
    assert Tally(seconds={INDEXING: 10.0}).bottleneck({}) is None
    assert Tally(documents=1).bottleneck({}) is None
    brief = Tally(documents=1, seconds={INDEXING: 0.5, "read": 0.5})
    assert brief.bottleneck({}) == ("read", 1.0)
