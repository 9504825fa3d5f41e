"""Each line of each preset does what its reason says: on a catalog of its kind, on a real node.

The file that `init` writes is used as it stands, and once more without the line in question.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

import preset_catalogs
from event_logs import burst, usual_weeks, write_events
from ingest.cli.main import main as xlrec_ingest
from preset_catalogs import FIELDS, LIKED, TARGET, catalog, interactions
from xlrec_es import EventSource, History, Options, Recommender, Trends
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.configuration.catalog_sample import sample_index
from xlrec_es.configuration.preset_placements import placements_of
from xlrec_es.configuration.presets import Line, bound, load, preset_names
from xlrec_es.placements.given_options import overlaid
from xlrec_es.placements.resolution import resolve
from xlrec_es.placements.store import Store

HIDDEN = {"stock": "sold-out", "sensitive": "marked", "archived": "put-away", "expires": "expired"}
"""Which item each kind of field hides."""


@dataclass(frozen=True)
class Site:
    """A catalog in an index, with the file that `init` wrote for it."""

    kind: str
    folder: Path
    index: str

    @property
    def config(self) -> Path:
        return self.folder / "xlrec.toml"

    def call(self, program: Any, *arguments: str, config: Path | None = None) -> str:  # noqa: ANN401
        done = CliRunner().invoke(program, ["--config", str(config or self.config), *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    def learn(self, config: Path | None = None) -> None:
        """Without transfer, for texts that are all alike would give each what others learned."""
        log = str(self.folder / "log.tsv")
        self.call(xlrec_ingest, "learn", log, "--transfer-neighbors", "0", config=config)

    def without(self, line: Line) -> Path:
        """The file without a line."""
        kept = [
            text
            for text in self.config.read_text().splitlines()
            if not _is(text, line, FIELDS[self.kind])
        ]
        path = self.folder / "without.toml"
        path.write_text("\n".join(kept))
        tomllib.loads(path.read_text())
        assert len(kept) < len(self.config.read_text().splitlines())
        return path

    def recommended(self, *arguments: str, config: Path | None = None) -> list[str]:
        options = ("--size", "40", "--json", "--language", TARGET)
        printed = self.call(xlrec_es, "recommend", *options, *arguments, config=config)
        return [item["id"] for item in json.loads(printed)["items"]]


def _is(text: str, line: Line, names: Mapping[str, str]) -> bool:
    """Whether a line of a file is a preset's."""
    value = re.sub(r"<(\w+)>", lambda role: names[role[1]], str(line.value))
    plain = text.replace(".keyword", "").strip()
    in_list = plain.startswith(("'" + value, '"' + value))
    return in_list or plain in (f'{line.option} = "{value}"', f"{line.option} = {value}")


@pytest.fixture(scope="module", params=preset_names())
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    es: Elasticsearch,
    es_url: str,
    tiny_model: Path,
) -> Iterator[Site]:
    kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    made = Site(kind, folder, f"xlrec-test-preset-{kind}")
    items, log = folder / "items.jsonl", folder / "log.tsv"
    items.write_text("".join(json.dumps(record) + "\n" for record in catalog(kind)))
    log.write_text("\n".join(interactions(kind)))
    arguments = ["init", str(items), "--interactions", str(log), "--preset", kind]
    arguments += ["--url", es_url, "--index", made.index, "--output", str(made.config)]
    done = CliRunner().invoke(xlrec_es, arguments)
    assert done.exit_code == 0, done.output
    made.call(xlrec_ingest, "run", str(items), "--model", str(tiny_model), "--quiet")
    made.learn()
    es.indices.refresh(index=made.index)
    yield made
    for index in es.indices.get(index=f"{made.index}*", expand_wildcards="all"):
        es.indices.delete(index=index)


def test_every_line_is_in_use(site: Site) -> None:
    """The catalog has all that the preset asks for, so no line is a comment."""
    table = tomllib.loads(site.config.read_text())
    for line in load(site.kind).lines:
        written = table[line.table][line.option]
        many = sum(one.option == line.option for one in load(site.kind).lines)
        assert not isinstance(written, list) or len(written) == many, line


def test_filters_hide_what_they_say(site: Site) -> None:
    shown = site.recommended(LIKED)
    for line in _lines(site, "filter"):
        [role] = line.roles
        hidden = "ancient" if role == "published" else HIDDEN[role]
        assert hidden not in shown
        assert "good" in shown
        assert hidden in site.recommended(LIKED, config=site.without(line))


def test_caps_hold(site: Site) -> None:
    shown = site.recommended(LIKED)
    for line in _lines(site, "cap"):
        [role] = line.roles
        most = int(str(line.value).rpartition("=")[2])
        of_role = re.compile(rf"{role}-\d")
        assert sum(bool(of_role.fullmatch(id_)) for id_ in shown) == most
        freely = site.recommended(LIKED, config=site.without(line))
        assert sum(bool(of_role.fullmatch(id_)) for id_ in freely) == preset_catalogs.GROUP


def test_boosts_lift_one_of_two_that_are_alike(site: Site) -> None:
    for line in _lines(site, "boost"):
        assert _in_order(site.recommended(LIKED), "twin-b", "twin-a")
        assert _in_order(site.recommended(LIKED, config=site.without(line)), "twin-a", "twin-b")


def test_the_newer_of_two_that_are_as_popular_comes_first(site: Site) -> None:
    [line] = _lines(site, "recent")
    assert _in_order(site.recommended("--no-history"), "age-b", "age-a")
    assert _in_order(site.recommended("--no-history", config=site.without(line)), "age-a", "age-b")


def test_events_outweigh_each_other_in_the_order_of_their_weights(site: Site) -> None:
    scores = _learned(site)
    weights = load(site.kind).events
    for event, weight in weights.items():
        item = f"{site.kind}-{event}"
        assert (item in scores) == (weight > 0), event
        for other, less in weights.items():
            if weight > less > 0:
                assert scores[item] > scores[f"{site.kind}-{other}"], (event, other)


def test_what_is_old_counts_less(site: Site) -> None:
    [line] = _lines(site, "half_life")
    scores = _learned(site)
    assert scores["recent"] > scores["long-ago"]
    site.learn(site.without(line))
    try:
        alike = _learned(site)
        assert alike["recent"] == pytest.approx(alike["long-ago"], rel=0.01)
    finally:
        site.learn()


def _lines(site: Site, option: str) -> list[Line]:
    found = [line for line in load(site.kind).lines if line.option == option]
    assert found
    return found


def _in_order(ids: Sequence[str], first: str, second: str) -> bool:
    return ids.index(first) < ids.index(second)


def _learned(site: Site) -> dict[str, float]:
    """What the liked item says of each, of what was learned itself."""
    options = ("--size", "40", "--json", "--language", TARGET, "--weight", "collaborative=1")
    printed = site.call(xlrec_es, "recommend", *options, LIKED)
    return {item["id"]: item["score"] for item in json.loads(printed)["items"]}


def test_placements_of_a_preset_are_written_and_keep_their_rules(
    site: Site, es: Elasticsearch
) -> None:
    placed = ("--placements-index", f"{site.index}-placements")
    tried = json.loads(_set_placements(site, *placed, "--dry-run", "--json"))["placements"]
    assert {one["placement"] for one in tried.values()} == {None}
    written = json.loads(_set_placements(site, *placed, "--json"))["placements"]
    assert list(written) == [shelf.name for shelf in load(site.kind).shelves]
    # The catalog is small, and no rule was left out.
    warnings = [sentence for one in written.values() for sentence in one["warnings"]]
    assert [sentence for sentence in warnings if sentence.startswith("without ")] == []
    roles = [role for line in _lines(site, "filter") for role in line.roles]
    hidden = {"ancient" if role == "published" else HIDDEN[role] for role in roles}
    store = Store(es, f"{site.index}-placements")
    for name in written:
        stored = store.found(site.index, name)
        assert stored.current.definition is not None
        found = resolve(stored, stored.current.placement(), Options(), languages=[TARGET])
        own = Recommender(es, site.index).by(found.options, found.curation)
        shown = own.recommend(History.of([LIKED]), languages=[TARGET], size=found.size).items
        works = {item.work for item in shown}
        assert works
        assert len(shown) <= found.size
        assert not works & {*hidden, LIKED}
        for field, most in (found.options.search.caps or {}).items():
            role = {path: role for role, path in FIELDS[site.kind].items()}[
                field.removesuffix(".keyword")
            ]
            of_role = re.compile(rf"{role}-\d")
            assert sum(bool(of_role.fullmatch(work)) for work in works) <= most
    # What is there stays, unless it is named.
    assert json.loads(_set_placements(site, *placed, "--json"))["placements"] == {}
    [first, *_] = written
    again = json.loads(_set_placements(site, first, *placed, "--json"))["placements"]
    assert again[first]["placement"]["current"]["number"] == 2


def _set_placements(site: Site, *arguments: str) -> str:
    return site.call(xlrec_es, "placement", "set", "--preset", site.kind, *arguments)


def test_placements_for_what_trends_leave_out_what_is_old(site: Site, es: Elasticsearch) -> None:
    named = [shelf.name for shelf in load(site.kind).shelves if "trending" in shelf.about]
    assert bool(named) == (site.kind in ("news", "social"))
    if not named:
        return
    items = [record["id"] for record in catalog(site.kind)]
    events = [*usual_weeks(items=items), *burst("twin-b", 60), *burst("ancient", 60)]
    write_events(es, f"{site.index}-events", events)
    trends = Trends(es, site.index, EventSource(f"{site.index}-events"))
    assert {item.id for item in trends.ask().items} == {"twin-b", "ancient"}
    found = bound(load(site.kind), sample_index(es, site.index).columns)
    [placement] = [one for one in placements_of(found) if one.name in named]
    options = overlaid(placement.definition["options"], Options())
    assert [item.id for item in trends.ask(options=options).items] == ["twin-b"]
