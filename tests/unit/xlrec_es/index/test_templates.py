"""What templates may not bring along, of which the servers of the tests do not know all."""

from __future__ import annotations

from xlrec_es.index.templates import _foreign_settings


def test_settings_that_nobody_asked_for_are_told_from_those_that_somebody_did() -> None:
    made = {
        "index.lifecycle.name": "delete-after-a-week",
        "index.lifecycle.rollover_alias": "shop",
        "index.default_pipeline": "ours",
        "index.final_pipeline": "theirs",
        "index.blocks.write": "true",
        "index.refresh_interval": "7s",
        "index.uuid": "u",
    }
    foreign = _foreign_settings({"index": {}}, made)
    assert foreign == [
        "index.lifecycle.name",
        "index.lifecycle.rollover_alias",
        "index.default_pipeline",
        "index.final_pipeline",
        "index.blocks.write",
    ]
    # In each of the forms that Elasticsearch takes.
    for asked in (
        {"index": {"default_pipeline": "ours"}},
        {"index": {}, "default_pipeline": "ours"},
        {"index.default_pipeline": "ours"},
        {"index": {"lifecycle": {"name": "x"}, "default_pipeline": "ours"}},
    ):
        left = _foreign_settings(asked, made)
        assert "index.default_pipeline" not in left
        assert "index.final_pipeline" in left
