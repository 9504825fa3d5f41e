from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlrec_es.recommend.request.profile import (
    SHRINKAGE,
    HistoryDocument,
    build_looks,
    build_profile,
)


def liked(vectors: np.ndarray, works: list[str]) -> list[HistoryDocument]:
    return [
        HistoryDocument(f"d{i}", work, "en" if i % 2 else "ja", f"title {i}", vector)
        for i, (vector, work) in enumerate(zip(vectors, works, strict=True))
    ]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[HistoryDocument], dict[str, float]]:
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    vectors = rng.normal(size=(n, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    works = [f"w{rng.integers(0, n)}" for _ in range(n)]
    weights = {work: draw(st.floats(0.01, 100)) for work in sorted(set(works))}
    return liked(vectors, works), weights


@given(histories(), st.integers(1, 10))
@settings(deadline=None)
def test_interests_are_unit_vectors_whose_weights_and_members_add_up(
    history: tuple[list[HistoryDocument], dict[str, float]], max_interests: int
) -> None:
    documents, weights = history
    profile = build_profile(documents, weights, max_interests=max_interests)
    assert 1 <= len(profile.interests) <= max_interests
    for interest in profile.interests:
        assert np.linalg.norm(interest.vector) == pytest.approx(1, abs=1e-4)
        assert interest.vector.dtype == np.float32
        assert sum(interest.members.values()) == pytest.approx(1)
    assert sum(interest.weight for interest in profile.interests) == pytest.approx(1)
    members = sorted(work for interest in profile.interests for work in interest.members)
    assert members == list(profile.seen) == sorted(weights)
    assert sum(profile.liked.values()) == pytest.approx(1)


@given(histories(), st.integers(1, 10), st.randoms())
@settings(deadline=None)
def test_the_order_of_the_documents_does_not_matter(
    history: tuple[list[HistoryDocument], dict[str, float]], max_interests: int, random: object
) -> None:
    documents, weights = history
    shuffled = list(documents)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one = build_profile(documents, weights, max_interests=max_interests)
    other = build_profile(shuffled, weights, max_interests=max_interests)
    assert one.texts == other.texts
    assert one.titles == other.titles
    for a, b in zip(one.interests, other.interests, strict=True):
        np.testing.assert_array_equal(a.vector, b.vector)
        assert (a.weight, a.members) == (b.weight, b.members)


@given(histories(), st.floats(1.1, 50))
@settings(deadline=None)
def test_a_heavier_work_pulls_the_mean_towards_itself(
    history: tuple[list[HistoryDocument], dict[str, float]], factor: float
) -> None:
    documents, weights = history
    work = documents[0].work
    before = build_profile(documents, weights, max_interests=1)
    after = build_profile(documents, {**weights, work: weights[work] * factor}, max_interests=1)
    alone = build_profile(
        [document for document in documents if document.work == work],
        {work: 1.0},
        max_interests=1,
    )
    pull = alone.interests[0].vector
    assert after.interests[0].members[work] >= before.interests[0].members[work]
    assert pull @ after.interests[0].vector >= pull @ before.interests[0].vector - 1e-4


def test_two_tastes_become_two_interests() -> None:
    vectors = np.asarray([[1, 0, 0], [0.96, 0.28, 0], [0, 0, 1], [0, 0.28, 0.96]], np.float32)
    profile = build_profile(
        liked(vectors, ["a", "b", "c", "d"]),
        {"a": 3.0, "b": 1.0, "c": 1.0, "d": 1.0},
        max_interests=2,
    )
    assert [sorted(interest.members) for interest in profile.interests] == [["a", "b"], ["c", "d"]]
    assert profile.interests[0].weight == pytest.approx(4 / 6)
    assert profile.interests[0].members == {"a": pytest.approx(0.75), "b": pytest.approx(0.25)}


def test_each_interest_is_drawn_to_the_whole_taste() -> None:
    axes = np.eye(2, dtype=np.float32)
    profile = build_profile(liked(axes, ["a", "b"]), {"a": 1.0, "b": 1.0})
    for interest, own, other in zip(profile.interests, axes, axes[::-1], strict=True):
        whole = np.array([1, 1]) / np.sqrt(2)
        expected = (1 - SHRINKAGE) * own + SHRINKAGE * whole
        np.testing.assert_allclose(interest.vector, expected / np.linalg.norm(expected), rtol=1e-6)
        assert own @ interest.vector > other @ interest.vector > 0


def test_renditions_are_merged_into_their_work() -> None:
    vectors = np.asarray([[1, 0], [0, 1]], np.float32)
    profile = build_profile(liked(vectors, ["a", "a"]), {"a": 1.0})
    assert profile.seen == ("a",)
    np.testing.assert_allclose(profile.interests[0].vector, [0.5**0.5, 0.5**0.5], rtol=1e-6)
    assert profile.texts == {"ja": {"d0": "a"}, "en": {"d1": "a"}}


def test_opposite_vectors_give_no_nan() -> None:
    vectors = np.asarray([[1, 0], [-1, 0]], np.float32)
    profile = build_profile(liked(vectors, ["a", "b"]), {"a": 1.0, "b": 1.0}, max_interests=1)
    assert np.isfinite(profile.interests[0].vector).all()


def test_disliked_works_push_interests_away_and_are_seen() -> None:
    vectors = np.asarray([[1, 0, 0], [0.6, 0.8, 0]], np.float32)
    documents = liked(vectors, ["good", "bad"])
    profile = build_profile(documents, {"good": 1.0, "bad": -1.0}, push=0.5)
    [interest] = profile.interests
    assert list(interest.members) == ["good"]
    assert profile.seen == ("bad", "good")
    assert profile.liked == {"good": 1.0}
    # Half of the overlap of .6 with (.6, .8, 0) is taken out of (1, 0, 0).
    expected = np.asarray([1 - 0.5 * 0.6 * 0.6, -0.5 * 0.6 * 0.8, 0])
    np.testing.assert_allclose(interest.vector, expected / np.linalg.norm(expected), atol=1e-6)
    assert interest.vector @ vectors[1] < 0.6


@given(histories(), st.floats(0, 1), st.integers(1, 10))
@settings(deadline=None)
def test_dislikes_never_make_an_interest_of_another_length(
    history: tuple[list[HistoryDocument], dict[str, float]], push: float, max_interests: int
) -> None:
    documents, weights = history
    signed = {work: w if n % 2 else -w for n, (work, w) in enumerate(sorted(weights.items()))}
    profile = build_profile(documents, signed, max_interests=max_interests, push=push)
    for interest in profile.interests:
        assert np.isfinite(interest.vector).all()
        assert np.linalg.norm(interest.vector) == pytest.approx(1, abs=1e-4)
    assert set(profile.liked) == {work for work, weight in signed.items() if weight > 0}
    assert list(profile.seen) == sorted(weights)


def test_a_free_text_weighs_as_much_as_the_heaviest_work() -> None:
    vectors = np.asarray([[1, 0], [0, 1]], np.float32)
    profile = build_profile(
        liked(vectors, ["a", "b"]),
        {"a": 4.0, "b": 1.0},
        free_texts={"I like c": np.asarray([0.6, 0.8], np.float32)},
    )
    weights = {next(iter(i.members)): i.weight for i in profile.interests}
    assert weights == {
        "a": pytest.approx(4 / 9),
        "I like c": pytest.approx(4 / 9),
        "b": pytest.approx(1 / 9),
    }
    assert profile.seen == ("a", "b")


def test_who_likes_nothing_has_no_interest() -> None:
    assert build_profile([], {}).interests == ()
    vectors = np.asarray([[1, 0], [0, 1]], np.float32)
    profile = build_profile(liked(vectors, ["a", "b"]), {"a": -1.0})
    assert (profile.interests, profile.liked, profile.texts) == ((), {}, {})
    assert profile.seen == ("a", "b")


@given(histories(), st.integers(1, 10))
@settings(deadline=None)
def test_looks_are_the_same_taste_by_pictures(
    history: tuple[list[HistoryDocument], dict[str, float]], max_interests: int
) -> None:
    documents, weights = history
    signed = {work: -weight if work > "w2" else weight for work, weight in weights.items()}
    free = {"a text": np.eye(6, dtype=np.float32)[0]}
    pictured = [replace(d, vector=None, image=d.vector) for d in reversed(documents)]
    by_text = build_profile(documents, signed, free_texts=free, max_interests=max_interests)
    looks = build_looks(pictured, signed, free_texts=free, max_interests=max_interests)
    assert looks.parts == by_text.parts
    assert looks.vectors.keys() == by_text.vectors.keys()
    for mine, theirs in zip(looks.interests, by_text.interests, strict=True):
        np.testing.assert_array_equal(mine.vector, theirs.vector)
    assert build_profile(pictured, signed).interests == ()


def test_items_without_a_picture_say_nothing_of_looks() -> None:
    vectors = np.eye(3, dtype=np.float32)
    first, second = liked(vectors, ["a", "b", "c"])[:2]
    looks = build_looks([replace(first, image=vectors[2]), second], {"a": 1.0, "b": 3.0})
    assert [dict(interest.members) for interest in looks.interests] == [{"a": 1.0}]
    assert build_looks([first, second], {"a": 1.0}).interests == ()
