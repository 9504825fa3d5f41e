from __future__ import annotations

import json
import re

import pytest
from elasticsearch import Elasticsearch

from catalogue import FINGERPRINT, LANGUAGES, document, topics_of, write_catalogue
from xlrec_es import Connection, History, Interaction, Options, Recommender, SearchOptions, connect
from xlrec_es.client import friendly_errors, probe
from xlrec_es.encoder import Fingerprint
from xlrec_es.errors import (
    ClusterUnreachable,
    FingerprintMismatch,
    IndexNotFound,
    NotAnXlrecIndex,
    UnknownItems,
    UnknownLanguage,
    UsageError,
)
from xlrec_es.indices import check_fingerprint, find_live, update_meta
from xlrec_es.query import to_console

ODD_IDS = ['quo"te', "bra}ce", "comma,comma", "sla/sh", "dot.dot", "ünï日本", "x" * 512, "* OR *"]


@pytest.fixture
def catalogue(es_each: Elasticsearch, index_name: str) -> Elasticsearch:
    extra = {odd: document("chess", 100 + n, "de") for n, odd in enumerate(ODD_IDS)}
    for odd, body in extra.items():
        body["xlrec"]["work"] = odd  # type: ignore[index]
    write_catalogue(es_each, index_name, extra)
    return es_each


def test_taste_crosses_the_border(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    result = recommender.recommend(History.of(["chess-3", "chess-6"]), size=6)
    assert {item.language for item in result.items} == {"en", "ja"}
    assert topics_of([item.work for item in result.items]) == ["chess"] * 6
    assert not {"chess-3", "chess-6"} & {item.work for item in result.items}
    for item in result.items:
        assert {reason.item for reason in item.reasons} == {"chess-3", "chess-6"}
        assert item.title.startswith("Chess ")
        assert sum(reason.share for reason in item.reasons) == pytest.approx(1)
        assert sum(leg.share for leg in item.legs.values()) == pytest.approx(1)


def test_a_history_may_name_works_or_documents(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    by_work = recommender.recommend(History.of(["chess-0"]), languages=["ja"])
    by_document = recommender.recommend(History.of(["chess-0@en"]), languages=["ja"])
    assert by_work == by_document
    assert "chess-0" not in {item.work for item in by_document.items}


def test_the_lexical_leg_reads_the_renditions_in_the_target_language(
    catalogue: Elasticsearch, index_name: str
) -> None:
    result = Recommender(
        catalogue, index_name, options=Options(weights={"lexical": 1.0})
    ).recommend(History.of(["painting-0"]), languages=["ja"], size=3)
    assert set(topics_of([item.work for item in result.items[:2]])) == {"painting"}
    assert all(list(item.legs) == ["lexical"] for item in result.items)
    assert [reason.item for reason in result.items[0].reasons] == ["painting-0"]


def test_a_lexical_leg_that_cannot_be_is_said(catalogue: Elasticsearch, index_name: str) -> None:
    result = Recommender(catalogue, index_name).recommend(
        History.of(["chess-3"]), languages=["ja", "en"]
    )
    assert result.notes == ("no lexical leg for ja, en: the history has no text in them",)


def test_renditions_of_a_work_appear_once(catalogue: Elasticsearch, index_name: str) -> None:
    result = Recommender(catalogue, index_name).recommend(
        History.of(["cooking-3"]), languages=LANGUAGES, size=30
    )
    works = [item.work for item in result.items]
    assert len(works) == len(set(works)) == 30


def test_quotas_are_seats(catalogue: Elasticsearch, index_name: str) -> None:
    options = Options(mix={"ja": 0.75, "en": 0.25})
    result = Recommender(catalogue, index_name, options=options).recommend(
        History.of(["chess-3"]), languages=["ja", "en"], size=8
    )
    languages = [item.language for item in result.items]
    assert (languages.count("ja"), languages.count("en")) == (6, 2)


def test_weights_pull_towards_what_weighs_more(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    history = History((Interaction("chess-3", 1.0), Interaction("cooking-3", 50.0)))
    result = recommender.recommend(history, languages=["ja"], size=3)
    assert topics_of([item.work for item in result.items]) == ["cooking"] * 3


def test_unknown_ids_are_skipped_and_named(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    result = recommender.recommend(History.of(["chess-3", "nobody knows me"]))
    assert result.unknown_items == ("nobody knows me",)
    assert result.items
    with pytest.raises(UnknownItems, match="'nobody knows me'") as caught:
        recommender.recommend(History.of(["nobody knows me"]))
    assert caught.value.items == ("nobody knows me",)


@pytest.mark.parametrize("odd", ODD_IDS)
def test_odd_ids_are_found_and_never_misread(
    catalogue: Elasticsearch, index_name: str, odd: str
) -> None:
    result = Recommender(catalogue, index_name).recommend(History.of([odd]), languages=["de"])
    assert result.unknown_items == ()
    assert odd not in {item.work for item in result.items}
    assert [reason.item for reason in result.items[0].reasons] == [odd]


@pytest.mark.parametrize("wrong", ["xx-nonsense-", "ko", 'ja"}}', ""])
def test_languages_are_checked(catalogue: Elasticsearch, index_name: str, wrong: str) -> None:
    with pytest.raises(UnknownLanguage):
        Recommender(catalogue, index_name).recommend(History.of(["chess-3"]), languages=[wrong])


def test_no_language_and_no_place_are_refused(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    with pytest.raises(UsageError, match="no target language"):
        recommender.recommend(History.of(["chess-3"]), languages=[])
    with pytest.raises(UsageError, match="at least 1"):
        recommender.recommend(History.of(["chess-3"]), size=0)


def test_every_printed_body_runs_as_printed(catalogue: Elasticsearch, index_name: str) -> None:
    plan = Recommender(catalogue, index_name).plan(History.of(["chess-0", 'quo"te']))
    text = to_console(plan.requests, plan.live.name)
    searches = re.findall(r"^POST /(\S+)/_search\n(.+)$", text, re.MULTILINE)
    assert len(searches) == len(plan.requests) > 2
    for index, body in searches:
        assert catalogue.search(index=index, body=json.loads(body))["hits"]["hits"]


def test_source_fields_come_back(catalogue: Elasticsearch, index_name: str) -> None:
    options = Options(search=SearchOptions(source=("brand",)))
    result = Recommender(catalogue, index_name, options=options).recommend(
        History.of(["chess-3"]), languages=["ja"], size=1
    )
    assert set(result.items[0].source) == {"brand", "title"}


def test_what_is_not_an_index_of_ours_is_named(es_each: Elasticsearch, index_name: str) -> None:
    with pytest.raises(IndexNotFound, match="xlrec-ingest run"):
        Recommender(es_each, index_name).recommend(History.of(["a"]))
    es_each.indices.create(index=index_name)
    with pytest.raises(NotAnXlrecIndex, match="not made by xlrec-es"):
        Recommender(es_each, index_name).recommend(History.of(["a"]))
    es_each.indices.put_mapping(index=index_name, meta={"xlrec": {"schema": "other"}})
    with pytest.raises(NotAnXlrecIndex, match="another version"):
        find_live(es_each, index_name)


def test_meta_is_read_back_and_another_encoder_refused(
    catalogue: Elasticsearch, index_name: str
) -> None:
    live = find_live(catalogue, index_name)
    assert live.name == f"{index_name}-xlrec-v1"
    assert live.meta.fingerprint == FINGERPRINT
    assert live.meta.languages == LANGUAGES
    other = Fingerprint.from_meta({**FINGERPRINT.to_meta(), "model": "another"})
    with pytest.raises(FingerprintMismatch, match="'another' here and 'test catalogue' there"):
        check_fingerprint(live, other)
    assert update_meta(catalogue, live, live.meta) == live


def test_a_probe_tells_version_licence_and_analyzers(es_each: Elasticsearch) -> None:
    found = probe(es_each)
    assert found.version >= (8, 19, 0)
    assert found.license == "basic"
    assert "x-pack-core" in found.modules


def test_an_unreachable_cluster_is_one_sentence() -> None:
    client = connect(Connection("http://127.0.0.1:9", timeout_s=1), max_retries=0)
    with pytest.raises(ClusterUnreachable, match="xlrec-es node start"), friendly_errors(client):
        client.indices.get(index="a")
    client.close()
