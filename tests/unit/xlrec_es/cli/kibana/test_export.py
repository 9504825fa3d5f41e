"""`xlrec-es kibana export`, given what it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xlrec_es.cli.main import main
from xlrec_es.kibana.saved_objects import SavedObject, ndjson

EXPORT = ndjson([SavedObject("tag", "t", {"name": "x"})])


def test_a_template_without_a_place_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "shop.ndjson"
    command = ["kibana", "export", "-i", "shop", "--link", "sku=https://x", "-o", str(file)]
    done = CliRunner().invoke(main, [*command, "--url", "http://127.0.0.1:9"])
    assert done.exit_code == 2
    assert "write sku=https://shop.example/items/{{value}}" in done.output.replace("\n", " ")
    assert not file.exists()


def test_the_configuration_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("xlrec.toml").write_text("[kibana]\n")
    command = ["--config", "xlrec.toml", "kibana", "export", "-i", "shop", "-o", "xlrec.toml"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert Path("xlrec.toml").read_text() == "[kibana]\n"


def export(*more: str) -> Result:
    command = ["kibana", "export", "-i", "items", "--url", "http://127.0.0.1:1", *more]
    return CliRunner().invoke(main, command)


@pytest.mark.parametrize(
    "content",
    [
        b'{"id": "a", "language": "en", "title": "Chess"}\n',
        b'{"id": "a", "type": "item", "attributes": {"title": "Chess"}}\n',  # as JSON:API has them
        EXPORT + b'{"id": "a"}\n',
        b"no JSON\n",
        b"[]\n",
    ],
)
@pytest.mark.parametrize("options", [(), ("-o", "items.ndjson")])
def test_a_catalog_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("items.ndjson").write_bytes(content)
    done = export(*options)
    assert done.exit_code == 2
    told = done.output.replace("\n", " ")
    assert "items.ndjson is there and is no export of Kibana's saved objects" in told
    assert Path("items.ndjson").read_bytes() == content


def test_an_earlier_export_may_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for content in (EXPORT, EXPORT + b'{"exportedCount": 1, "missingRefCount": 0}\n', b""):
        Path("items.ndjson").write_bytes(content)
        done = export()
        assert done.exit_code == 1, done.output  # nothing answers at that port
        assert "is there and is no" not in done.output


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = export("-o", str(tmp_path / "none" / "shop.ndjson"))
    assert done.exit_code == 2
    assert "make it first" in done.output
