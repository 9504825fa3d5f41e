"""The text of the file: it loads, its remarks are remarks, nothing odd breaks out of them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from xlrec_es.configuration.catalog_sample import sample_file
from xlrec_es.configuration.field_proposal import propose
from xlrec_es.configuration.interactions_sample import sample_interactions
from xlrec_es.configuration.presets import LEARN, bound, load
from xlrec_es.configuration.toml_file import Plan, Setting, text_of
from xlrec_es.interactions.weighting import EVENT_WEIGHTS

ODD = (
    'quo"te',
    "apo'strophe",
    "back\\slash",
    "both'\"",
    "\x7f",
    "\x1b[2J",
    "line\nend",
    "😀 ünï",
    "#",
)


def file_of(**parts: object) -> dict[str, dict[str, object]]:
    return tomllib.loads(text_of(Plan("xlrec-es init", **{"connection": [], **parts})))  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_and_names_stay_what_they_are(odd: str, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({"id": odd, "title": odd, "language": "en", odd: {"text": odd}}))
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"user": odd, "item": odd, "event": odd}))
    text = text_of(
        Plan(
            f"xlrec-es init {odd}",
            [Setting("url", odd, odd), Setting("index", odd, odd, active=False)],
            propose(sample_file(str(path))),
            odd,
            [odd],
            sample_interactions(log),
            bound(load("shop"), {}),
        )
    )
    found = tomllib.loads(text)
    assert found["connection"] == {"url": odd}
    assert found["run"] == {"companion": True, "keep-field": [odd]}
    assert found["fields"]["text"] == [f"{odd}.text"]
    assert found.keys() >= {"fields", "recommend", "evaluate", "tune"}


def test_events_of_a_file_have_the_weights_that_are_known(tmp_path: Path) -> None:
    log = tmp_path / "log.tsv"
    log.write_text("user\titem\taction\nann\t7\tOrder Completed\nann\t7\tpeeked\n")
    told = sample_interactions(log)
    plain = file_of(interactions=told)
    learn = plain[LEARN]
    assert learn == {"field": ["event=action"], "event": ["Order Completed=5"]}
    assert plain["evaluate"] == plain["tune"] == learn
    text = text_of(Plan("init", [], interactions=told, preset=bound(load("shop"), {})))
    assert '# "peeked=?",' in text
    assert '# "Order Completed", rows: 1, is one of these by another name' in text


def test_an_event_that_a_preset_does_not_name_weighs_what_it_does_without_one(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.tsv"
    log.write_text("user\titem\tevent\nann\t7\tpurchase\nann\t7\tview\n")
    media = bound(load("media"), {})
    assert "purchase" not in media.events
    found = file_of(interactions=sample_interactions(log), preset=media)
    weights = found[LEARN]["event"]
    assert isinstance(weights, list)
    assert f"purchase={EVENT_WEIGHTS['purchase']:g}" in weights
    assert f"view={media.events['view']:g}" in weights


def test_ratings_are_told_and_not_judged(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user,item,rating\nann,7,1\nann,8,5\n")
    text = text_of(Plan("init", [], interactions=sample_interactions(log)))
    assert "Ratings are 1 to 5" in text
    assert "# min_rating = 3" in text
