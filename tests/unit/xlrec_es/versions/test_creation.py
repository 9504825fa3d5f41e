"""What a new version takes over from the one it is made like."""

from __future__ import annotations

from made_versions import LIVE, META, shop, version
from xlrec_es.index.meta import IndexMeta
from xlrec_es.versions.creation import copied_settings, plan_version


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
