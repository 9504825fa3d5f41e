"""The two recommenders side by side: what either offers, the other does in the same words."""

from __future__ import annotations

import inspect

import pytest

from xlrec_es.recommend.recommender import AsyncRecommender, Recommender

WITHOUT_ASYNC = {"export", "search_many", "url"}
"""For evaluation and the command line, which wait for each answer."""

WITHOUT_WAITING = {"__init__", "by"}
"""They ask nobody."""


def offered(recommender: type) -> set[str]:
    named = (name for base in recommender.__mro__[:-1] for name in vars(base))
    return {name for name in named if not name.startswith("_")}


def written(signature: inspect.Signature) -> str:
    """The signature as Python writes it, without what makes it one for asyncio."""
    return str(signature).replace("Async", "")


def test_both_offer_the_same() -> None:
    assert offered(Recommender) == offered(AsyncRecommender) | WITHOUT_ASYNC


@pytest.mark.parametrize("name", ["__init__", *sorted(offered(AsyncRecommender))])
def test_methods_are_called_alike(name: str) -> None:
    method, other = getattr(Recommender, name), getattr(AsyncRecommender, name)
    assert written(inspect.signature(other)) == written(inspect.signature(method))
    waits = inspect.iscoroutinefunction(other) or inspect.isasyncgenfunction(other)
    assert waits == (name not in WITHOUT_WAITING)
