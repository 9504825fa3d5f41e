"""The distributions, built once, and environments that hold one of them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from venvs import Venv

ROOT = Path(__file__).parents[2]


def build(*arguments: str, into: Path) -> None:
    # Without isolation: hatchling is among the tests' dependencies, and nothing is downloaded.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(into), *arguments]
    done = subprocess.run([*command, ROOT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build("--wheel", into=folder)
    return only(folder, "*.whl")


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel built from it."""
    folder = tmp_path_factory.mktemp("distributions")
    build(into=folder)
    return folder


@pytest.fixture(scope="session")
def source_tree(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, unpacked: a checkout that a test may write into."""
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(only(distributions, "*.tar.gz")) as archive:
        archive.extractall(folder, filter="data")
    return only(folder, "xlrec_es-*")


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment with the wheel and its core dependencies: `pip install xlrec-es`."""
    venv = Venv.create(tmp_path_factory.mktemp("bare"))
    venv.install(wheel)
    return venv


@pytest.fixture(scope="session")
def editable(source_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment with an editable install."""
    venv = Venv.create(tmp_path_factory.mktemp("editable"))
    venv.install("--editable", source_tree)
    return venv
