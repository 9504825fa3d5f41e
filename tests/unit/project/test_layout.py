"""Where files stand: documented folders of a size to be read, and tests that mirror them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests"
PACKAGES = ("xlrec_es", "ingest")
KINDS = ("unit", "integration", "e2e")
PROJECT = "project"  # in place of a package: tests of the project's own tools
OF_A_PACKAGE_ITSELF = "test_public_api.py"  # what its `__init__.py` exports
ACROSS_MODULES = {
    "e2e/xlrec_es/cli/test_kills.py": "commands are killed, wherever they are, and go on",
    "e2e/xlrec_es/service/test_page_placements.py": "from what is stored to what the page shows",
    "integration/ingest/finetune/training/test_llm_encoders.py": "from a run to recommendations",
    "integration/ingest/run/test_bad_inputs.py": "a bad input passes every stage of a run",
    "integration/ingest/run/test_faults.py": "a run is killed, wherever it is, and goes on",
    "integration/ingest/run/test_filtered_alias.py": "every command is asked through an alias",
    "integration/ingest/run/test_hostile_documents.py": "from an index, through a run, set aside",
    "integration/ingest/run/test_hostile_records.py": "from a file, through a run, set aside",
    "integration/ingest/run/test_replay_and_follow.py": "ways to run, from source to index",
    "integration/xlrec_es/cluster/test_role_commands.py": "a key is enough for every command",
    "integration/xlrec_es/cluster/test_security.py": "a key allows no more, whoever is asked",
    "integration/xlrec_es/recommend/test_faults.py": "a cluster fails at any step of the flow",
    "integration/xlrec_es/recommend/test_filtered_alias.py": "every command respects an alias",
    "integration/xlrec_es/recommend/test_regional_variants.py": "one rule of languages everywhere",
    "integration/xlrec_es/versions/test_hostile_documents.py": "copied, refused, and gone on with",
    "unit/xlrec_es/kibana/test_foreign_files.py": "a file is read, searched, and drawn",
    "unit/ingest/run/test_hostile_records.py": "a line is read, built, set aside, and read again",
}
MOST_MODULES = 15  # in a folder
MOST_LINES = 400  # of a file of tests
MOST_COLUMNS = 100  # of a line
ONE_SENTENCE = re.compile(r"([^\n.?!]|[.?!](?! ))+[.?!]")


def folders(package: str) -> list[Path]:
    """The package's own folder and all below it that lead to a module."""
    top = (ROOT / package).resolve(strict=True)
    parents = {parent for module in top.rglob("*.py") for parent in module.parents}
    return sorted(parent for parent in parents if parent.is_relative_to(top))


def modules(folder: Path) -> set[str]:
    """The names of the files that a folder holds itself, but for `__init__` and `__main__`."""
    return {path.name for path in folder.glob("*.py")} - {"__init__.py", "__main__.py"}


def docstring(path: Path) -> list[str]:
    """The lines of a file's docstring, as they are written; none if it has none."""
    found = ast.get_docstring(ast.parse(path.read_text("utf-8")), clean=False)
    return (found or "").splitlines()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_says_in_one_sentence_what_it_holds(package: str) -> None:
    own = [folder / "__init__.py" for folder in folders(package)]
    assert [str(path) for path in own if not path.exists()] == []
    said = {str(path): "\n".join(docstring(path)) for path in own}
    assert {path: text for path, text in said.items() if not ONE_SENTENCE.fullmatch(text)} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_design_shows_the_folders_with_what_they_say(package: str) -> None:
    shown = []
    for folder in folders(package):
        name = "  " * (len(folder.relative_to(ROOT).parts) - 1) + folder.name + "/"
        shown.append(f"{name:18}{docstring(folder / '__init__.py')[0]}")
    design = (ROOT / package / "DESIGN.md").read_text("utf-8")
    assert "\n".join(["```text", *shown, "```"]) in design


@pytest.mark.parametrize("package", PACKAGES)
def test_the_first_line_of_every_module_stands_alone(package: str) -> None:
    wrong = []
    for path in [path for folder in folders(package) for path in folder.glob("*.py")]:
        first, *rest = docstring(path) or [""]
        too_long = len(f'"""{first}') > MOST_COLUMNS
        if not first.strip() or too_long or any(line.strip() for line in rest[:1]):
            wrong.append(f"{path}: {first}")
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_holds_several_modules_and_not_too_many(package: str) -> None:
    sizes = {folder: len(modules(folder)) for folder in folders(package)}
    assert {str(folder): n for folder, n in sizes.items() if n > MOST_MODULES} == {}
    # A folder may hold folders alone, and the package's own what is left over.
    lonely = [str(folder) for folder, n in sizes.items() if n == 1 and folder.name != package]
    assert lonely == []


@pytest.mark.parametrize("kind", KINDS)
def test_tests_stand_where_their_modules_do(kind: str) -> None:
    strays = []
    for path in sorted((TESTS / kind).resolve(strict=True).rglob("test_*.py")):
        place = path.relative_to(TESTS / kind)
        if place.parts[0] != PROJECT and f"{kind}/{place}" not in ACROSS_MODULES:
            names = {f"test_{name}" for name in modules(ROOT / place.parent)}
            exports = {OF_A_PACKAGE_ITSELF} if len(place.parts) == 2 else set()
            if place.parts[0] not in PACKAGES or place.name not in names | exports:
                strays.append(str(path))
    assert strays == []


def test_a_test_of_several_modules_is_there_and_has_the_name_of_none() -> None:
    for place in map(Path, ACROSS_MODULES):
        folder = ROOT / Path(*place.parts[1:-1])
        assert (TESTS / place).exists()
        assert place.name not in {f"test_{name}" for name in modules(folder)}


def test_files_of_tests_are_short_enough_to_be_read() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in TESTS.rglob("*.py")}
    assert {str(path): n for path, n in lines.items() if n > MOST_LINES} == {}
