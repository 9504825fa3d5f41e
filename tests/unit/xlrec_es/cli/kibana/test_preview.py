"""`xlrec-es kibana preview`, given what it cannot use."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from xlrec_es.cli.main import main
from xlrec_es.kibana.saved_objects import SavedObject, ndjson


def test_a_file_is_not_replaced_by_its_preview(tmp_path: Path) -> None:
    file = tmp_path / "shop.ndjson"
    content = ndjson([SavedObject("tag", "t", {"name": "x"})])
    file.write_bytes(content)
    done = CliRunner().invoke(main, ["kibana", "preview", str(file), "-o", str(file)])
    assert done.exit_code == 2
    assert "is what the command reads and is not replaced" in done.output.replace("\n", " ")
    assert file.read_bytes() == content


def test_a_file_without_dashboards_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tags.ndjson"
    file.write_bytes(ndjson([SavedObject("tag", "t", {"name": "x"})]))
    done = CliRunner().invoke(main, ["kibana", "preview", str(file)])
    assert done.exit_code == 2
    assert "holds no dashboard" in done.output.replace("\n", " ")


def test_a_page_of_others_is_not_replaced(tmp_path: Path) -> None:
    file, output = tmp_path / "shop.ndjson", tmp_path / "index.html"
    file.write_bytes(ndjson([SavedObject("tag", "t", {"name": "x"})]))
    output.write_text("<!doctype html>\n<html></html>\n")
    done = CliRunner().invoke(main, ["kibana", "preview", str(file), "-o", str(output)])
    assert done.exit_code == 2
    assert "is there and is no page of xlrec-es report" in done.output.replace("\n", " ")
    assert output.read_text() == "<!doctype html>\n<html></html>\n"
