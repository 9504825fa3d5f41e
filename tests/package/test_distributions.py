"""What the wheel and the sdist contain."""

from __future__ import annotations

import re
import runpy
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"xlrec_es", "ingest"}


def files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_wheel_holds_the_two_packages_and_nothing_else(wheel: Path) -> None:
    top = {PurePosixPath(name).parts[0] for name in files(wheel)}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_wheel_holds_every_file_of_a_package(package: str, wheel: Path) -> None:
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert f"{package}/py.typed" in expected
    assert expected <= files(wheel)


def test_wheel_holds_every_mapping(wheel: Path) -> None:
    mappings = {f"xlrec_es/_mappings/{path.name}" for path in (ROOT / "mappings").glob("*.json")}
    assert "xlrec_es/_mappings/xlrec.v1.json" in mappings
    assert mappings <= files(wheel)


def test_wheel_holds_the_licence_and_the_sample(wheel: Path) -> None:
    names = files(wheel)
    assert any(name.endswith(".dist-info/licenses/xlrec_es/LICENSE") for name in names)
    assert {"xlrec_es/sample/items.jsonl.gz", "xlrec_es/sample/ATTRIBUTION.md"} <= names


def test_sample_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = [
            i.file_size for i in archive.infolist() if i.filename.startswith("xlrec_es/sample/")
        ]
    assert 0 < sum(sizes) <= 1_500_000


def test_metadata_names_licence_python_and_extras(wheel: Path) -> None:
    told = metadata(wheel)
    assert told["Name"] == "xlrec-es"
    assert told["License-Expression"] == "Apache-2.0"
    assert told["Requires-Python"] == ">=3.11"
    extras = (
        "compress demo dev duplicates embedded export finetune images ingest large node privacy "
        "ray report segment serve"
    )
    assert sorted(told.get_all("Provides-Extra", [])) == extras.split()


def test_links_of_the_description_lead_somewhere_without_the_files_beside_it(wheel: Path) -> None:
    told = metadata(wheel)
    assert told["Description-Content-Type"] == "text/markdown"
    description = str(told.get_payload())
    assert "## Quick start" in description
    targets = re.findall(r"\]\(([^)\s]+)\)", description)
    targets += re.findall(r'\b(?:src|srcset|href)="([^"]*)"', description)
    assert targets
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    headings = re.findall(r"^#+ (.*)$", description, re.M)
    anchors = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
    assert {target[1:] for target in targets if target.startswith("#")} <= anchors
    for told in re.findall(r'alt="([^"]*)"', (ROOT / "README.md").read_text("utf-8")):
        assert told in description, "what a picture shows is said where it is not shown"


def test_links_of_the_description_lead_into_the_repository_if_it_is_known() -> None:
    standalone = runpy.run_path(str(ROOT / ".ci" / "description.py"))["standalone"]
    readme = "[`one`](a/b.md#c), [two](#d), [three](https://e.example/f)"
    known = "[`one`](https://g.example/blob/main/a/b.md#c), [two](#d), [three](https://e.example/f)"
    assert standalone(readme, "https://g.example") == known
    assert standalone(readme, None) == "`one`, [two](#d), [three](https://e.example/f)"


def test_pictures_of_the_description_come_from_the_repository_if_it_is_known() -> None:
    standalone = runpy.run_path(str(ROOT / ".ci" / "description.py"))["standalone"]
    inner = '<source media="dark" srcset="a/d.svg">\n  <img src="a/l.svg" alt="A\nlist." width="9">'
    readme = f'<picture>\n  {inner}\n</picture>\n<img alt="B" src="https://e.example/b.svg">'
    known = '<img alt="A\nlist." src="https://g.example/raw/main/a/l.svg">'
    other = '\n<img alt="B" src="https://e.example/b.svg">'
    assert standalone(readme, "https://g.example") == known + other
    assert standalone(readme, None) == f"*Picture: A\nlist.*{other}"


def test_pictures_are_with_the_sources_and_not_installed(wheel: Path, distributions: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    pictures = {f".github/assets/{path.name}" for path in (ROOT / ".github/assets").iterdir()}
    assert pictures
    assert pictures <= names, "README and the tests of the documents need them"
    page = "xlrec_es/service/page/"
    installed = {name for name in files(wheel) if name.endswith((".svg", ".png"))}
    assert {name for name in installed if not name.startswith(page)} == set()
    served = {path.name for path in (ROOT / page).iterdir()}
    assert {f"{page}{name}" for name in served} <= set(files(wheel)), "the page is a part of it"


def test_core_dependencies_are_few_and_light(wheel: Path) -> None:
    required = metadata(wheel).get_all("Requires-Dist", [])
    core = {line.split(">")[0].split("<")[0] for line in required if "extra ==" not in line}
    assert not core & {"torch", "transformers", "sentence-transformers", "scipy", "pandas"}
    assert len(core) <= 8


def test_wheel_from_the_sdist_is_the_wheel_from_the_checkout(
    wheel: Path, distributions: Path
) -> None:
    (from_sdist,) = distributions.glob("*.whl")
    assert files(from_sdist) == files(wheel)


def test_sdist_can_run_the_tests(distributions: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tests/run", "tests/environment.py", "docker-compose.yml", "pyproject.toml"} <= names
