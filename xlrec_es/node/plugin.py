"""The plugin that gives the stripped server its language analyzers; see LanguageAnalysis.java."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import zipfile
from pathlib import Path

from xlrec_es.errors import NodeError

_SOURCE = Path(__file__).with_name("LanguageAnalysis.java")
_NAME = "xlrec-language-analysis"
_DESCRIPTOR = """\
name={name}
description=Lucene's language analyzers under Elasticsearch's own names
version=1
elasticsearch.version={version}
java.version={release}
classname=xlrec.LanguageAnalysis
"""


def fingerprint(version: str) -> str:
    """Changes with whatever the compiled plugin depends on: source, descriptor, server version."""
    parts = (_SOURCE.read_bytes(), _DESCRIPTOR.encode(), version.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def is_installed(home: Path) -> bool:
    """Whether a server's home has the plugin."""
    return (home / "plugins" / _NAME).is_dir()


def install(home: Path, compiler: Path, *, version: str, release: int) -> None:
    """Compile the plugin against a server's own libraries, into its home.

    Args:
        home: The unpacked server.
        compiler: `javac` of the release or a newer one.
        version: The server's version; it refuses plugins of any other.
        release: The Java release to compile for.

    Raises:
        NodeError: The compiler fails.
    """
    with tempfile.TemporaryDirectory() as classes:
        command = [str(compiler), "--release", str(release), "-nowarn", "-encoding", "UTF-8"]
        command += ["-cp", str(home / "lib" / "*"), "-d", classes, str(_SOURCE)]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True)
        except subprocess.CalledProcessError as error:
            raise NodeError(f"{compiler} cannot compile {_SOURCE}: {error.stderr}") from error
        folder = home / "plugins" / _NAME
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / f"{_NAME}.jar", "w") as jar:
            for path in sorted(Path(classes).rglob("*.class")):
                jar.write(path, path.relative_to(classes))
        descriptor = _DESCRIPTOR.format(name=_NAME, version=version, release=release)
        (folder / "plugin-descriptor.properties").write_text(descriptor, "utf-8")
