"""`bash tests/run` gets what is missing, or says the command that does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "run"
PROGRAMS = ("bash", "dirname", "cat")
APT = 'echo "apt-get $*" >> "$LOG"'


class Machine:
    """A machine that has these programs alone, and notes what they are called with."""

    def __init__(self, folder: Path) -> None:
        self.programs, self.log = folder / "bin", folder / "log"
        self.programs.mkdir()
        self.log.touch()
        for name in PROGRAMS:
            (self.programs / name).symlink_to(str(shutil.which(name)))
        self.has("python3", 'echo "python3 $*" >> "$LOG"')
        for name in ("javac", "node", "npm"):
            self.has(name, "")

    def lacks(self, name: str) -> None:
        (self.programs / name).unlink()

    def has(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!{shutil.which('bash')}\n{script}\n")
        path.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {n: value for n, value in os.environ.items() if not n.endswith("JAVA_HOME")}
        environment = {**kept, "PATH": str(self.programs), "LOG": str(self.log)}
        command = [str(self.programs / "bash"), str(SCRIPT), *arguments]
        return subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, timeout=60
        )

    def called(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


PYTEST = "python3 tests/environment.py python -m pytest"


def test_root_gets_what_is_missing(machine: Machine) -> None:
    machine.has("apt-get", APT)
    machine.has("id", "echo 0")
    assert machine.run("-k", "some").returncode == 0
    assert machine.called() == [
        "apt-get update -qq",
        "apt-get install -qq --no-install-recommends chromium",
        f"{PYTEST} -k some",
    ]


@pytest.mark.parametrize("apt", [True, False])
def test_others_are_told_the_command(machine: Machine, apt: bool) -> None:
    if apt:
        machine.has("apt-get", APT)
    machine.has("id", "echo 1000")
    done = machine.run("tests/e2e")
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends chromium\n" in done.stderr
    assert machine.called() == []


def test_every_program_that_is_missing_is_named(machine: Machine) -> None:
    for name in ("javac", "node", "npm"):
        machine.lacks(name)
    machine.has("chromium", "")
    machine.has("id", "echo 1000")
    told = machine.run("tests/e2e").stderr
    packages = told.rpartition("--no-install-recommends ")[2].split()
    assert packages[-2:] == ["nodejs", "npm"]
    assert set(packages) <= {
        "default-jdk-headless",
        "nodejs",
        "npm",
    }  # a JDK of /usr/lib/jvm counts


def test_nothing_is_installed_where_all_is_there(machine: Machine) -> None:
    machine.has("google-chrome", "")
    assert machine.run().returncode == 0
    assert machine.called() == [PYTEST]


def test_unit_tests_need_none_of_them(machine: Machine) -> None:
    assert machine.run("tests/unit", "-x").returncode == 0
    assert machine.called() == [f"{PYTEST} tests/unit -x"]
    machine.has("id", "echo 1000")
    assert machine.run("tests/unit", "tests/integration").returncode == 1
