from __future__ import annotations

import os
from pathlib import Path

import pytest

from xlrec_es.errors import NodeError
from xlrec_es.node import java
from xlrec_es.node.account import Account
from xlrec_es.node.java import find_javas

REAL_SYSTEM_FOLDERS = java._SYSTEM_FOLDERS


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system's folder of our own, so that the machine's Javas stay out of these tests."""
    monkeypatch.setattr(java, "_SYSTEM_FOLDERS", (f"{tmp_path}/jvm/*",))
    return tmp_path / "jvm"


def make_java(home: Path, release: str, *, compiler: bool = False) -> Path:
    """A program that answers as `java -XshowSettings:properties -version` does."""
    (home / "bin").mkdir(parents=True)
    executable = home / "bin" / "java"
    executable.write_text(
        f'#!/bin/sh\necho "    java.specification.version = {release}" >&2\n', "utf-8"
    )
    executable.chmod(0o755)
    if compiler:
        (home / "bin" / "javac").write_text("")
    return home


def test_order_is_java_home_then_the_system_then_path(tmp_path: Path, system: Path) -> None:
    make_java(system / "b-17", "17")
    make_java(system / "a-25", "25", compiler=True)
    mine = make_java(tmp_path / "mine", "21")
    shell = make_java(tmp_path / "shell", "24")
    found = find_javas({"JAVA_HOME": str(mine), "PATH": str(shell / "bin")})
    assert [java.release for java in found] == [21, 17, 25, 24]
    assert [java.compiler is not None for java in found] == [False, False, True, False]


def test_one_java_under_several_names_counts_once(tmp_path: Path, system: Path) -> None:
    home = make_java(system / "java-17", "17")
    (system / "default").symlink_to(home)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    found = find_javas({"JAVA_HOME": str(system / "default"), "PATH": str(tmp_path / "bin")})
    assert [java.home for java in found] == [home]


def test_es_java_home_decides_alone(tmp_path: Path, system: Path) -> None:
    make_java(system / "java-25", "25")
    wanted = make_java(tmp_path / "wanted", "17")
    assert [java.home for java in find_javas({"ES_JAVA_HOME": str(wanted)})] == [wanted]


def test_es_java_home_without_a_java_is_an_error(tmp_path: Path, system: Path) -> None:
    make_java(system / "java-25", "25")
    with pytest.raises(NodeError, match="correct it or unset it"):
        find_javas({"ES_JAVA_HOME": str(tmp_path / "nowhere")})


def test_what_does_not_start_is_left_out(system: Path) -> None:
    (make_java(system / "broken", "25") / "bin" / "java").write_text("#!/bin/sh\nexit 1\n")
    (make_java(system / "silent", "25") / "bin" / "java").write_text("#!/bin/sh\n")
    (system / "sources-only").mkdir()
    make_java(system / "old", "1.8")
    assert [java.release for java in find_javas({})] == [8]


def test_what_the_account_cannot_enter_is_left_out(system: Path) -> None:
    closed, home = make_java(system / "closed", "25"), make_java(system / "open", "25")
    myself = Account("myself", os.getuid(), os.getgid())
    closed.chmod(0o611)  # for everybody but its owner
    assert [java.home for java in find_javas({}, account=myself)] == [home]
    closed.chmod(0o700)


def test_a_java_of_this_machine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the real thing: what is read from the script above is what a real Java prints."""
    monkeypatch.setattr(java, "_SYSTEM_FOLDERS", REAL_SYSTEM_FOLDERS)
    assert max(java.release for java in find_javas()) >= 17
