"""What a new version takes over from the one it is made like."""

from __future__ import annotations

from typing import cast

import pytest
from elasticsearch import Elasticsearch

from made_versions import BARE, LIVE, META, OURS, shop, version
from xlrec_es.index import final_pipeline, templates
from xlrec_es.index.meta import IndexMeta
from xlrec_es.versions import swap_note, write_block
from xlrec_es.versions.creation import NewVersion, copied_settings, create, plan_version


def test_a_new_version_has_the_users_own_fields_and_settings() -> None:
    new = plan_version(shop(version(7, LIVE)), version(7), settings={"number_of_replicas": 2})
    assert new.index == "shop-xlrec-v8"
    mappings, settings = new.body["mappings"], new.body["settings"]["index"]
    assert mappings["properties"]["brand"] == {"type": "keyword"}
    assert mappings["properties"]["xlrec"]["properties"]["embedding"]["dims"] == 4
    assert mappings["dynamic"] == "false"
    assert mappings["_meta"]["team"] == "search"
    meta = IndexMeta.from_meta(mappings["_meta"]["xlrec"])
    assert meta.fingerprint == META.fingerprint
    assert meta.indicators == {}  # it has none yet
    assert meta.source == {"input": "items.jsonl", "made_like": "shop-xlrec-v7"}
    assert settings["number_of_shards"] == "3"
    assert settings["number_of_replicas"] == 2
    assert not {"uuid", "blocks.write"} & settings.keys()


def test_settings_that_belong_to_one_index_are_not_copied() -> None:
    kept = {"number_of_shards": "1", "analysis.filter.stop.type": "stop", "mapping.depth.limit": 9}
    left = ("uuid", "version.created", "creation_date", "provided_name", "blocks.write")
    flat = {f"index.{name}": value for name, value in {**kept, **dict.fromkeys(left, "x")}.items()}
    assert copied_settings(flat) == kept


def test_notes_of_the_other_index_are_not_copied() -> None:
    notes = {key: {"index": "u"} for key in (swap_note.KEY, write_block.KEY, final_pipeline.KEY)}
    meta = {**OURS["mappings"]["_meta"], **notes}
    body = {**OURS, "mappings": {**OURS["mappings"], "_meta": meta}}
    new = plan_version(shop(version(7, LIVE)), version(7, body=body))
    assert new.body["mappings"]["_meta"].keys() == {"xlrec", "team"}


def test_an_index_without_mappings_can_be_the_model() -> None:
    for body in (BARE, {"settings": {"index.number_of_shards": "3"}}):
        new = plan_version(shop(version(1, LIVE)), version(1, body=body), meta=META)
        meta = IndexMeta.from_meta(new.body["mappings"]["_meta"]["xlrec"])
        assert meta.source == {"input": "items.jsonl", "made_like": "shop-xlrec-v1"}
        assert meta.indicators == META.indicators  # of who gives them


def test_it_is_made_without_an_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(templates, "create", lambda *arguments: made.extend(arguments))
    create(cast("Elasticsearch", "the cluster"), NewVersion("shop-xlrec-v8", {"settings": {}}))
    assert made == ["the cluster", "shop-xlrec-v8", {"settings": {}}]
