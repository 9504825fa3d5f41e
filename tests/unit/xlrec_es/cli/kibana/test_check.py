"""`xlrec-es kibana check`: its table, and what it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from xlrec_es.cli.kibana.check import table_of
from xlrec_es.cli.main import main
from xlrec_es.cli.options.console import Console
from xlrec_es.kibana import bundle
from xlrec_es.kibana.check import Checked
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.saved_searches import CatalogSearches
from xlrec_es.kibana.searches import searches_of


def test_names_of_panels_take_two_lines_of_80_columns_at_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = Indices("shop", "shop-quality", "shop-lists-shown", "shop-clicks", "shop-runs")
    objects = bundle.objects(names, bundle.Catalog(CatalogSearches("0123", "title"), {}))
    searches = [*searches_of(objects)]
    monkeypatch.setenv("COLUMNS", "80")
    Console().print(table_of([Checked(one, 12345, 0.25) for one in searches]))
    shown = capsys.readouterr().out
    lines = [line.rstrip() for line in shown.splitlines()]
    headings = [line for line in lines[1:] if not line.startswith("  ")]
    boards = ["Catalog", "Quality", "Traffic", "Worker"]
    assert headings == [*(f"shop: {name}" for name in boards), "saved searches"]
    assert len([line for line in lines if line.endswith("12345     0.25")]) == len(searches)
    assert len(lines) <= 1 + len(headings) + 2 * len(searches)
    assert all(len(line) <= 80 for line in lines)
    words = " ".join(line[:40].strip() for line in lines)
    assert "Which share of each language has a vector, and which has associations?" in words


def test_a_search_that_failed_has_no_count(capsys: pytest.CaptureFixture[str]) -> None:
    objects = bundle.objects(Indices("shop"), bundle.Catalog(CatalogSearches("0123", "title"), {}))
    first = next(searches_of(objects))
    Console().print(table_of([Checked(first, None, 0.25, (), "refused")]))
    assert "failed     0.25" in capsys.readouterr().out


def test_the_advice_for_another_file_does_not_name_it_as_the_output(tmp_path: Path) -> None:
    for content in ('{"id": "a", "title": "Chess"}\n', ""):
        file = tmp_path / "items.jsonl"
        file.write_text(content)
        done = CliRunner().invoke(main, ["kibana", "check", str(file)])
        assert done.exit_code == 2
        told = " ".join(done.output.split())
        assert told.endswith("write a file of them with: xlrec-es kibana export -i INDEX")
        assert file.read_text() == content
