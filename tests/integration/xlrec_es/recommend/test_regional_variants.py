"""A language names its variants, wherever languages are named, and between them is no border."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from catalogue import EVERYTHING, TOPICS, WORKS_PER_TOPIC, document, write_catalogue, write_likes
from ingest.finetune.data.pairs import PairsJob, make
from ingest.indicators.catalogue import read_catalogue
from xlrec_es import History, Options, Recommendations, Recommender
from xlrec_es.errors import UnknownLanguage
from xlrec_es.evaluate.dataset import EvaluationJob
from xlrec_es.evaluate.experiment import run_experiment
from xlrec_es.evaluate.protocol import CROSS, MIXED
from xlrec_es.index.indicators import show
from xlrec_es.index.live_index import find_live
from xlrec_es.languages import base_language
from xlrec_es.recommend.options import OF_EVERY_INDEX

TAGS = ("en", "en-US", "en-GB", "de", "zh-CN", "zh-TW", "zh")
AMERICAN = "chess-1"
ALL_RETRIEVERS = Options(weights=dict.fromkeys(OF_EVERY_INDEX, 1.0))


def tag(number: int) -> str:
    """The language of the works of a number: 0, 7 en; 1, 8 en-US; 2, 9 en-GB; 3 de ..."""
    return TAGS[number % len(TAGS)]


@pytest.fixture
def regional(es_each: Elasticsearch, index_name: str) -> Elasticsearch:
    """The catalogue, each work in one of three languages, two of which have variants."""
    works = {
        f"{topic}-{number}": document(topic, number, tag(number))
        for topic in TOPICS
        for number in range(WORKS_PER_TOPIC)
    }
    write_catalogue(es_each, index_name, instead=works, languages=TAGS)
    return es_each


def languages_of(found: Recommendations) -> set[str]:
    assert not found.degraded
    return {item.language for item in found.items}


def shares(found: Recommendations) -> dict[str, tuple[int | None, int]]:
    return {share.language: (share.slots, share.filled) for share in found.languages}


@pytest.mark.parametrize("options", [Options(), ALL_RETRIEVERS, replace(EVERYTHING, diversity=0.3)])
def test_a_variant_is_no_other_language(
    regional: Elasticsearch, index_name: str, options: Options
) -> None:
    recommender = Recommender(regional, index_name, options=options)
    found = recommender.recommend(History.of([AMERICAN]), size=30)
    assert languages_of(found) == {"de", "zh", "zh-CN", "zh-TW"}
    # The tag of each document is its own, whatever named it.
    for item in found.items:
        assert item.language == tag(int(item.work.rpartition("-")[2]))
        spoke = {name for name, said in item.retrievers.items() if said.share > 0}
        assert bool(item.reasons) == (spoke != {"popularity"})


def test_a_language_names_its_variants(regional: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(regional, index_name, options=ALL_RETRIEVERS)
    history = History.of([AMERICAN])
    for named, expected in (
        ("zh", {"zh", "zh-CN", "zh-TW"}),
        ("ZH_cn", {"zh-CN"}),
        ("en-GB", {"en-GB"}),
    ):
        found = recommender.recommend(history, languages=[named], size=30)
        assert languages_of(found) == expected
    nearest = recommender.recommend(history, languages=["de-AT"], size=30)
    assert languages_of(nearest) == {"de"}
    assert "there is no de-AT: de stands for it" in nearest.notes
    with pytest.raises(UnknownLanguage, match="'fr'"):
        recommender.recommend(history, languages=["fr"])


def test_a_language_is_left_out_with_its_variants(regional: Elasticsearch, index_name: str) -> None:
    history = History.of(["chess-3"])
    for excluded, left in (
        ("en", {"zh", "zh-CN", "zh-TW"}),
        ("en-US", {"en", "en-GB", "zh", "zh-CN", "zh-TW"}),
    ):
        options = replace(ALL_RETRIEVERS, exclude=(excluded,))
        found = Recommender(regional, index_name, options=options).recommend(history, size=30)
        assert languages_of(found) == left


def test_variants_share_the_seats_of_their_language(
    regional: Elasticsearch, index_name: str
) -> None:
    history = History.of(["chess-3"])
    options = Options(mix="equal")
    equal = Recommender(regional, index_name, options=options).recommend(history, size=10)
    assert shares(equal) == {"en": (5, 5), "zh": (5, 5)}
    options = Options(mix={"EN": 0.2, "zh": 0.8})
    for languages in (None, ["zh", "en"]):
        quotas = Recommender(regional, index_name, options=options).recommend(
            history, languages=languages, size=10
        )
        assert shares(quotas) == {"en": (2, 2), "zh": (8, 8)}
        filled = Counter(base_language(item.language) for item in quotas.items)
        assert filled == {"en": 2, "zh": 8}


def test_a_variant_named_beside_its_language_has_seats_of_its_own(
    regional: Elasticsearch, index_name: str
) -> None:
    found = Recommender(regional, index_name, options=Options(mix={"en": 1, "en-GB": 3})).recommend(
        History.of(["chess-3"]), languages=["en", "en-GB"], size=8
    )
    assert shares(found) == {"en": (2, 2), "en-GB": (6, 6)}
    assert Counter(item.language for item in found.items)["en-GB"] == 6


def test_words_are_compared_between_variants(regional: Elasticsearch, index_name: str) -> None:
    found = Recommender(regional, index_name).similar(AMERICAN, measure="jaccard", size=30)
    assert languages_of(found) == {"en", "en-US", "en-GB"}
    assert [item.score for item in found.items] == sorted(
        (item.score for item in found.items), reverse=True
    )


def test_indicators_are_shown_by_language(regional: Elasticsearch, index_name: str) -> None:
    shown = show(regional, index_name, AMERICAN)
    assert list(shown.speaks_for) == ["de", "en", "zh"]
    assert {one.language for one in shown.speaks_for["zh"]} == {"zh", "zh-CN", "zh-TW"}


def test_pairs_of_an_evaluation_are_of_languages(
    regional: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    job = EvaluationJob(write_likes(tmp_path / "likes.tsv", 80), index_name, k=3)
    report = run_experiment(regional, job)
    assert report["languages"] == ["de", "en", "zh"]
    for kind in (CROSS, MIXED):
        for system in report["pools"][kind]["systems"].values():
            pairs = {(pair["source"], pair["target"]) for pair in system["pairs"]}
            assert pairs <= {(a, b) for a in ("de", "en", "zh") for b in ("de", "en", "zh")}
            assert all(source != target for source, target in pairs)
    assert report["pools"][CROSS]["systems"]["recommender"]["measures"]["source share"]["mean"] == 0
    for sample in report["samples"]:
        assert all(one["language"] != sample["source"] for one in sample["lists"]["recommender"])


def test_fine_tuning_pairs_cross_no_border_between_variants(
    regional: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    job = PairsJob(write_likes(tmp_path / "likes.tsv", 80), index_name)
    data = make(regional, job)
    found = data.pairs.select(["anchor_language", "positive_language"]).to_pylist()
    assert {language for pair in found for language in pair.values()} == {"de", "en", "zh"}
    assert all(pair["anchor_language"] != pair["positive_language"] for pair in found)


def test_markets_are_languages_without_their_regions(
    regional: Elasticsearch, index_name: str
) -> None:
    languages = read_catalogue(regional, find_live(regional, index_name)).languages
    assert set(languages.values()) == {"de", "en", "zh"}
