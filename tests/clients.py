"""Clients generated from `openapi.json`: in TypeScript by npm's packages, in Java by a jar."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from jgo.maven import POM, MavenContext

from xlrec_es.cache_folder import cache_dir, exclusive
from xlrec_es.node.java import find_javas

PACKAGES = {"openapi-fetch": "0.17.0", "openapi-typescript": "7.13.0", "typescript": "5.9.3"}
GENERATOR = ("org.openapitools", "openapi-generator-cli", "7.25.0")

_STRICT = (
    "--strict",
    "--noUncheckedIndexedAccess",
    "--exactOptionalPropertyTypes",
    "--skipLibCheck",
)
_TARGET = ("--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
_QUICK = "-XX:TieredStopAtLevel=1"  # all run for seconds
_NPM = ("install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")


@dataclass(frozen=True)
class Client:
    """What a language needs to compile against a generated client, and to run.

    Attributes:
        folder: Where programs are written.
        classes: Of Java: where the client's classes and the jars that it needs are.
    """

    folder: Path
    classes: str = ""

    def typescript(self, programs: Mapping[str, str]) -> list[subprocess.CompletedProcess[str]]:
        """Compile programs, by name, as strictly as can be, and run each."""
        files = [self.folder / f"{name}.ts" for name in programs]
        for file, source in zip(files, programs.values(), strict=True):
            file.write_text(source, "utf-8")
        compiler = self.folder / "node_modules" / ".bin" / "tsc"
        done([compiler, *_STRICT, *_TARGET, *files], self.folder)
        return [asked([program("node"), file.with_suffix(".js")], self.folder) for file in files]

    def java(self, name: str, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Compile a class, and run it."""
        (self.folder / f"{name}.java").write_text(source, "utf-8")
        classes = ("-cp", self.classes)
        return asked([_jdk() / "java", _QUICK, *classes, f"{name}.java", *arguments], self.folder)


def typescript_client(folder: Path, generate: str) -> Client:
    """A client in TypeScript, by the command that generates it."""
    npm_packages(folder, PACKAGES)
    done(["sh", "-e", "-c", generate], folder)
    return Client(folder)


def java_client(folder: Path, generate: str) -> Client:
    """A client in Java, by the command that generates it into `client`."""
    context = MavenContext(repo_cache=cache_dir() / "maven", timeout=60)
    group, name, version = GENERATOR
    with exclusive(context.repo_cache / "download.lock"):
        jar = context.project(group, name).at_version(version).artifact().resolve()
    command = shlex.join([str(_jdk() / "java"), _QUICK, "-jar", str(jar)])
    generator = folder / "bin" / name
    generator.parent.mkdir()
    generator.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    generator.chmod(0o755)
    path = f"{generator.parent}{os.pathsep}{os.environ['PATH']}"
    done(["sh", "-e", "-c", generate], folder, {"PATH": path})
    with exclusive(context.repo_cache / "download.lock"):
        _, needed = context.pom_dependency_list(POM(folder / "client" / "pom.xml"))
        jars = [str(one.dep.artifact.resolve()) for one in needed]
    sources = [str(path) for path in (folder / "client" / "src" / "main").rglob("*.java")]
    classes = str(folder / "classes")
    done([_jdk() / "javac", "-d", classes, "-cp", os.pathsep.join(jars), *sources], folder)
    return Client(folder, os.pathsep.join([classes, *jars]))


def npm_packages(folder: Path, versions: Mapping[str, str]) -> None:
    """Install packages of npm into a folder, for programs in it to import."""
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    wanted = [f"{name}@{version}" for name, version in versions.items()]
    done([program("npm"), *_NPM, *wanted], folder)


def done(
    command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that has to succeed."""
    result = asked(command, folder, env)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result


def asked(
    command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def program(name: str) -> Path:
    """Where a program of Node.js is; without it the test fails."""
    if path := shutil.which(name):
        return Path(path)
    pytest.fail(f"no {name}: install it, with apt-get install nodejs npm for one")


def _jdk() -> Path:
    """The folder of `java` and `javac`."""
    if compiler := next((java.compiler for java in find_javas() if java.compiler), None):
        return compiler.parent
    pytest.fail("no JDK: install it, with apt-get install default-jdk-headless for one")
