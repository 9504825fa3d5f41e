"""Popularity, everywhere and market by market."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from ingest.indicators.popularity import (
    COLUMN,
    LANGUAGE,
    MAX_MARKETS,
    MarketNumbers,
    Markets,
    by_market,
    main_markets,
    popularity,
)
from xlrec_es.errors import SourceError


def test_popularity_is_logarithmic_and_ends_at_one() -> None:
    none, one, hundred, most, more = popularity(np.array([0, 1, 100, 1e9, 1e12], np.float32))
    assert none == 0
    assert 0 < one < hundred < most == 1
    assert more == 1


def test_a_user_is_at_home_where_most_of_their_likes_are() -> None:
    users = np.array([0, 0, 0, 1, 1, 2], np.int32)
    markets = np.array([1, 1, 0, 1, 0, -1])
    assert main_markets(users, markets).tolist() == [1, 1, 1, 0, 0, -1]  # a tie: the first
    assert main_markets(users[:0], markets[:0]).tolist() == []


def test_a_column_of_markets_wins_over_languages() -> None:
    numbers = MarketNumbers()
    de, jp = (numbers.number(COLUMN, name) for name in ("DE", "JP"))
    german = numbers.number(LANGUAGE, "de")
    counted = numbers.count(
        np.array([0, 1, 2, 3], np.int32),
        np.array([0, 0, 1, 1], np.int32),
        np.array([jp, de, german, -2], np.int16),
        np.array([1, 0.5, 1, 1], np.float32),
        n_works=2,
    )
    assert (counted.origin, counted.names) == (COLUMN, ("DE", "JP"))
    assert counted.users.toarray().tolist() == [[0.5, 1], [0, 0]]


def test_a_market_of_few_users_goes_by_what_everybody_likes() -> None:
    """The small market's one like counts, but not more than what thousands like."""
    everywhere = np.array([900, 500, 1, 0], np.float32)
    there = csr_array(np.array([[450, 0], [10, 0], [0, 1], [0, 0]], np.float32))
    markets = Markets(("large", "small"), COLUMN, there)
    found = by_market(markets, everywhere, 1000, np.arange(4, dtype=np.int32))
    assert np.argsort(-found[:, 0]).tolist() == [0, 1, 2, 3]
    assert np.argsort(-found[:, 1]).tolist() == [0, 1, 2, 3]
    assert found[2, 1] > found[2, 0]
    assert (found[3] == 0).all()
    some = by_market(markets, everywhere, 1000, np.array([2], np.int32))
    np.testing.assert_array_equal(some, found[2:3])


def test_too_many_markets_are_a_mistake() -> None:
    numbers = MarketNumbers()
    for n in range(MAX_MARKETS):
        numbers.number(COLUMN, str(n))
    assert numbers.number(COLUMN, "7") == 7
    with pytest.raises(SourceError, match="more than 300 markets, the last of them 'one more'"):
        numbers.number(COLUMN, "one more")
