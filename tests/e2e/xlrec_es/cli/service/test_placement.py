"""Placements on the command line, from the first to its deletion and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from xlrec_es.cli.main import main

TOML = """
size = 4
languages = ["en", "ja"]
pins = [{item = "astronomy-5", place = 1}]
[options]
filters = [{range = {price = {lte = 6}}}]
"""


class Shelf:
    """The command, on an index of its own."""

    def __init__(self, url: str, index: str, folder: Path) -> None:
        self.folder = folder
        self._options = ("--url", url, "-i", index, "--placements-index", f"{index}-placements")

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["placement", *words, *self._options])

    def good(self, *words: str) -> str:
        done = self.run(*words)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *words: str) -> Any:  # noqa: ANN401 - what JSON holds
        return json.loads(self.good(*words, "--json"))

    def file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content)
        return str(path)


@pytest.fixture
def shelf(es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path) -> Shelf:
    write_catalogue(es, index_name)
    return Shelf(es_url, index_name, tmp_path)


def test_a_placement_is_written_shown_and_brought_back(shelf: Shelf) -> None:
    file = shelf.file("row.toml", TOML)
    tried = shelf.good("set", "home-row", file, "--dry-run")
    assert "en: the filters leave" in tried
    assert "home-row can be written; nothing was (--dry-run)" in tried
    assert shelf.json("list")["placements"] == []
    assert "home-row has version 1" in shelf.good("set", "home-row", file, "--author", "ann")
    other = shelf.file("row.json", json.dumps({"size": 2}))
    written = shelf.json("set", "home-row", other, "--if-version", "1", "--author", "bea")
    assert written["placement"]["current"]["number"] == 2
    late = shelf.run("set", "home-row", file, "--if-version", "1")
    assert (late.exit_code, "changed meanwhile" in late.stderr) == (1, True)
    shown = shelf.good("show", "home-row")
    assert json.loads(shown[: shown.index("}") + 1]) == {"size": 2}
    assert "ann" in shown
    assert "home-row" in shelf.good("list")
    back = shelf.good("rollback", "home-row")
    assert "home-row has version 3, which is version 1 again" in back
    assert shelf.json("show", "home-row")["current"]["definition"]["size"] == 4
    assert (
        shelf.json("rollback", "home-row", "--to-version", "2")["placement"]["current"]["restores"]
        == 2
    )
    assert "would be deleted" in shelf.good("delete", "home-row", "--dry-run")
    assert "bring it back with" in shelf.good("delete", "home-row")
    gone = shelf.run("show", "home-row")
    assert (gone.exit_code, "has no placement 'home-row'" in gone.stderr) == (1, True)
    shelf.good("rollback", "home-row")
    assert shelf.json("show", "home-row")["current"]["definition"] == {"size": 2}


def test_all_that_is_wrong_is_told_and_nothing_is_written(shelf: Shelf) -> None:
    wrong = TOML.replace("price", "prce").replace("astronomy-5", "astronomy-500")
    refused = shelf.run("set", "row", shelf.file("wrong.toml", wrong))
    assert refused.exit_code == 2
    assert "'prce', which is not there; did you mean price?" in refused.stderr
    assert "has no item 'astronomy-500', which is pinned" in refused.stderr
    assert shelf.json("list")["placements"] == []
    narrow = shelf.file("narrow.toml", TOML.replace("lte = 6", "lte = 3"))
    warned = shelf.run("set", "row", narrow)
    assert "Warning: the filters leave out the pin 'astronomy-5'" in warned.stderr
    for name, content, told in (
        ("a.toml", "size = ", "is no TOML"),
        ("a.json", "{", "name a file .toml, or write JSON"),
        ("b.json", "[]", "a placement is one"),
    ):
        done = shelf.run("set", "row", shelf.file(name, content))
        assert (done.exit_code, told in done.stderr) == (2, True), done.output
    assert shelf.run("set", "No Name", narrow).exit_code == 2
    assert shelf.run("set", "row", "/no/such/file.toml").exit_code == 2


def test_a_version_that_no_longer_fits_is_brought_back_by_force_alone(
    shelf: Shelf, es: Elasticsearch, index_name: str
) -> None:
    shelf.good("set", "row", shelf.file("row.toml", TOML))
    shelf.good("set", "row", shelf.file("row.json", json.dumps({"size": 2})))
    es.delete(index=index_name, id="astronomy-5", refresh=True)
    refused = shelf.run("rollback", "row")
    assert refused.exit_code == 2
    assert "has no item 'astronomy-5', which is pinned" in refused.stderr
    assert "version 1 of 'row' does not fit the index any more" in refused.stderr
    assert shelf.json("show", "row")["current"]["number"] == 2
    forced = shelf.run("rollback", "row", "--force")
    assert forced.exit_code == 0
    assert "Warning" in forced.stderr
    assert "has no item 'astronomy-5'" in forced.stderr
    assert shelf.json("show", "row")["current"]["restores"] == 1


def test_a_preview_shows_samples_before_and_after(shelf: Shelf) -> None:
    samples = shelf.file("samples.json", json.dumps({"plays chess": ["chess-3"]}))
    file = shelf.file("row.toml", TOML)
    found = shelf.json("preview", "row", file, "--samples", samples)["users"]
    assert (found[0]["user"], found[0]["after"][0]["pinned"]) == ("plays chess", True)
    assert len(found[0]["before"]) == 10  # nothing is stored yet: the index's plain list
    shown = shelf.good("preview", "row", file, "--samples", samples, "--size", "3")
    assert "Astronomy 5 [ja] (pinned)" in shown
    assert "1 new" in shown
    assert shelf.run("preview", "row", "--samples", samples).exit_code == 1
    shelf.good("set", "row", file)
    last = shelf.json("preview", "row", "--samples", samples)["users"][0]
    assert (len(last["before"]), len(last["after"])) == (10, 4)
    nobody = shelf.run("preview", "row")
    assert (nobody.exit_code, "give --samples FILE" in nobody.stderr) == (2, True)
