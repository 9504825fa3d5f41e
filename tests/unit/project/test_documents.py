"""Documents are short, plain, and lead to each other: budgets, links, words, sentences."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest

import documents
from documents import BUDGETS, GENERATED, ROOT, Block, Document
from documents import documents as all_documents
from plain_words import banned_in

DOCUMENTS = {document.name: document for document in all_documents()}
WRITTEN = {name: one for name, one in DOCUMENTS.items() if name not in GENERATED}
LONGEST, MEAN = 30, 18  # words of a sentence

_POINTER = re.compile(r'((?:[\w.]+/)*[A-Z]+\.md)(?:, "([^"]+)")?')


def test_every_document_has_a_budget_or_is_looked_up() -> None:
    assert DOCUMENTS.keys() == BUDGETS.keys() | documents.LOOKED_UP


@pytest.mark.parametrize("name", BUDGETS)
def test_a_document_keeps_its_budget(name: str) -> None:
    assert len(DOCUMENTS[name].text.splitlines()) <= BUDGETS[name]


@pytest.mark.parametrize("name", [name for name in WRITTEN if not name.startswith(".github/")])
def test_a_document_says_first_whom_it_is_for(name: str) -> None:
    first = next(WRITTEN[name].sentences())
    assert re.search(r"\b[Ff]or\b", first), first


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    here = DOCUMENTS[name]
    dead = []
    for link in here.links:
        path, _, anchor = link.target.partition("#")
        if link.target.startswith("https://"):
            continue
        target = (here.path.parent / path).resolve() if path else here.path
        if not target.exists():
            dead.append(link.target)
        elif anchor:
            there = Document(target.relative_to(ROOT).as_posix())
            dead += [] if anchor in there.anchors else [link.target]
    assert dead == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_headings_of_a_document_are_told_apart(name: str) -> None:
    assert len(DOCUMENTS[name].anchors) == len(DOCUMENTS[name].headings)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_pictures_say_in_words_what_they_are(name: str) -> None:
    assert [link.target for link in DOCUMENTS[name].links if not link.text.strip()] == []


@pytest.mark.parametrize("name", BUDGETS)
def test_every_document_can_be_reached_from_the_first(name: str) -> None:
    reached, left = {"README.md"}, ["README.md"]
    while left:
        here = DOCUMENTS[left.pop()]
        for link in here.links:
            target = (here.path.parent / link.target.partition("#")[0]).resolve()
            near = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else ""
            if near in DOCUMENTS and near not in reached:
                reached.add(near)
                left.append(near)
    # GitHub itself shows what is in its folder.
    assert name in reached or name.startswith(".github/")


@pytest.mark.parametrize("name", WRITTEN)
def test_no_banned_word(name: str) -> None:
    assert banned_in(WRITTEN[name].prose) == []


@pytest.mark.parametrize("name", WRITTEN)
def test_sentences_are_short(name: str) -> None:
    lengths = {sentence: len(sentence.split()) for sentence in WRITTEN[name].sentences()}
    assert {one: length for one, length in lengths.items() if length > LONGEST} == {}
    assert statistics.mean(lengths.values()) <= MEAN


def test_prose_is_told_from_code_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "one.md"
    path.write_text(
        "# A title.\n\nOne `x.y` here. Two\nlines!\n\n| a. b. |\n|---|\n\n- **Lead.** Three "
        "[four](five.md#six).\n- Seven\n\n```sh\nxlrec-es demo\n```\n<!-- eight. -->\n\n"
        '## Below\n\n<picture>\n  <source media="dark" srcset="nine.svg">\n  <img alt="Ten." '
        'src="eleven.svg">\n</picture>\n\n```sh\necho twelve\n```\n\n## End\n'
    )
    document = Document(str(path))  # an absolute path stays what it is
    said = ["One code here.", "Two lines!", "Three four.", "Seven", "Ten."]
    assert list(document.sentences()) == said
    targets = ["five.md#six", "nine.svg", "eleven.svg"]
    assert [link.target for link in document.links] == targets
    assert list(document.commands()) == ["xlrec-es demo"]
    assert document.blocks_below("Below") == [Block("sh", "echo twelve\n")]
    assert document.anchors == {"a-title", "below", "end"}


@pytest.mark.parametrize("folder", ["xlrec_es", "ingest", "tests/bench"])
def test_docstrings_point_to_documents_and_headings_that_are_there(folder: str) -> None:
    wrong = []
    for path in (ROOT / folder).rglob("*.py"):
        text = " ".join(path.read_text("utf-8").split())
        assert not re.search(r"README, \"|README's, \"", text), path
        for name, heading in _POINTER.findall(text):
            if "/" in name and heading:
                there = ROOT / name
                if not there.exists() or heading not in Document(name).headings:
                    wrong.append(f'{path}: {name}, "{heading}"')
    assert wrong == []


@pytest.mark.parametrize("name", WRITTEN)
def test_tests_and_files_that_a_document_names_are_there(name: str) -> None:
    text = WRITTEN[name].text
    named = set(re.findall(r"\btest_\w+(?!\w*\.py)\b", text)) - {"test_py"}
    functions = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    modules = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert named - functions - modules == set()
    files = re.findall(r"(?<![\w/])(?:tests|xlrec_es|ingest|mappings)/[\w/]+\.(?:py|json)\b", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
