"""Find a Java to run Elasticsearch with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xlrec_es.errors import NodeError
from xlrec_es.node.account import Account

# Where Debian, Fedora, the official container images, macOS and Homebrew put theirs.
_SYSTEM_FOLDERS = (
    "/usr/lib/jvm/*",
    "/opt/java/*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
)


@dataclass(frozen=True, slots=True)
class Java:
    """An installed Java.

    Attributes:
        home: Its folder.
        release: Its feature release: 17, 21, 25 ...
    """

    home: Path
    release: int

    @property
    def compiler(self) -> Path | None:
        """`javac`, which a JDK has and a JRE has not."""
        javac = self.home / "bin" / "javac"
        return javac if javac.exists() else None


def find_javas(
    environment: Mapping[str, str] = os.environ, *, account: Account | None = None
) -> tuple[Java, ...]:
    """Every Java that starts, in the order in which it should be tried.

    ES_JAVA_HOME is Elasticsearch's own variable and decides alone. Otherwise JAVA_HOME comes first,
    then the system's, oldest first since a server is tested with the Javas of its time, then PATH.

    Args:
        environment: Environment variables.
        account: Who will run it; what this account cannot enter is left out.

    Raises:
        NodeError: ES_JAVA_HOME is set and holds no Java that starts.
    """
    if wanted := environment.get("ES_JAVA_HOME"):
        java = _ask(Path(wanted))
        if java is None:
            raise NodeError(
                f"ES_JAVA_HOME is {wanted}, which has no Java that starts; correct it or unset it"
            )
        return (java,)
    found: dict[Path, Java] = {}
    for source in _sources(environment):
        homes = {home.resolve() for home in source} - found.keys()
        if account is not None:
            homes = {home for home in homes if account.may_enter(home)}
        javas = [java for java in map(_ask, sorted(homes)) if java is not None]
        found |= {java.home: java for java in sorted(javas, key=lambda java: java.release)}
    return tuple(found.values())


def _sources(environment: Mapping[str, str]) -> Iterator[list[Path]]:
    """Places to look in, each with what may be there."""
    if home := environment.get("JAVA_HOME"):
        yield [Path(home)]
    yield [home for folder in _SYSTEM_FOLDERS for home in Path("/").glob(folder.lstrip("/"))]
    if executable := shutil.which("java", path=environment.get("PATH", "")):
        yield [Path(executable).resolve().parents[1]]


def _ask(home: Path) -> Java | None:
    """Start the Java for its release; None if there is none or it does not start."""
    executable = home / "bin" / "java"
    if not executable.is_file():
        return None
    try:
        answer = subprocess.run(
            [executable, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env={"PATH": os.defpath},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    release = re.search(r"java\.specification\.version = (?:1\.)?(\d+)", answer.stderr)
    return Java(home, int(release[1])) if release else None
