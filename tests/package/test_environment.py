"""tests/environment.py, with a project of its own that needs next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import environment

SCRIPT = Path(environment.__file__)
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "tiny"
version = "1"
dependencies = []
[project.optional-dependencies]
dev = ["hatchling"]
[tool.hatch.build]
dev-mode-dirs = ["."]
"""
WHERE = ("python", "-c", "import tiny; print(tiny.__file__)")


@dataclass(frozen=True)
class Checkout:
    folder: Path
    cache: Path

    @classmethod
    def create(cls, folder: Path, cache: Path) -> Checkout:
        for name, text in {
            "pyproject.toml": PYPROJECT,
            "tiny/__init__.py": "",
            "tests/environment.py": SCRIPT.read_text("utf-8"),
        }.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return cls(folder, cache)

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, self.folder / "tests/environment.py", *command],
            env={**os.environ, "XDG_CACHE_HOME": str(self.cache)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> str:
        process = self.start(*command)
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        return output.strip()

    def environments(self) -> list[Path]:
        return list((self.cache / "xlrec-es").glob("test-*"))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.create(tmp_path / "first", tmp_path / "cache")


def test_one_environment_serves_two_checkouts_each_with_its_own_code(
    checkout: Checkout, tmp_path: Path
) -> None:
    other = Checkout.create(tmp_path / "second", checkout.cache)
    for each in (checkout, other, checkout):
        assert each.run(*WHERE) == str(each.folder / "tiny/__init__.py")
    assert len(checkout.environments()) == 1

    # While one runs, the other waits; when it is killed, the other goes on.
    first = checkout.start("python", "-c", "import sys; print('up', flush=True); sys.stdin.read()")
    assert first.stdout is not None
    assert first.stdout.readline() == "up\n"
    second = other.start(*WHERE)
    assert second.stderr is not None
    assert second.stderr.readline().startswith("Waiting")
    assert second.poll() is None
    first.kill()
    first.communicate()
    assert second.communicate()[0].strip() == str(other.folder / "tiny/__init__.py")


def test_an_environment_is_made_again_only_where_it_is_unfinished_or_for_other_dependencies(
    checkout: Checkout,
) -> None:
    stale = checkout.cache / "xlrec-es" / "test-of-other-dependencies"
    stale.mkdir(parents=True)
    checkout.run(*WHERE)
    assert not stale.exists()

    (made,) = checkout.environments()
    left_over = made / "left-over"
    left_over.touch()
    checkout.run(*WHERE)
    assert left_over.exists(), "a finished environment is reused"

    # The file that is written last is missing, and the dependencies are the same.
    (made / "installed-checkout").unlink()
    checkout.run(*WHERE)
    assert checkout.environments() == [made]
    assert not left_over.exists()


def test_other_dependencies_are_another_environment(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", checkout.folder)
    key = environment.dependency_key()
    pyproject = checkout.folder / "pyproject.toml"
    pyproject.write_text(PYPROJECT + "[tool.other]\n", "utf-8")
    assert environment.dependency_key() == key
    pyproject.write_text(
        PYPROJECT.replace("dependencies = []", 'dependencies = ["click"]'), "utf-8"
    )
    assert environment.dependency_key() != key


def test_failure_to_install_is_one_sentence(checkout: Checkout) -> None:
    pyproject = checkout.folder / "pyproject.toml"
    pyproject.write_text(PYPROJECT.replace('"hatchling"]\n', '"./no such requirement"]\n'), "utf-8")
    process = checkout.start(*WHERE)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "could not be made" in errors
    assert "Traceback" not in errors
