"""The files of secrets that a node is given; `integration/` starts nodes with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from xlrec_es.node.java import Java
from xlrec_es.node.security import add_certificate, add_user

TOOL = f"""#!{sys.executable}
import sys, zipfile
with zipfile.ZipFile(sys.argv[sys.argv.index("--out") + 1], "w") as archive:
    archive.writestr("http/http.crt", "certificate")
    archive.writestr("http/http.key", "key")
"""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """The `config` folder as the server ships it, where everybody may read what is made."""
    before = os.umask(0)
    folder = tmp_path / "config"
    folder.mkdir()
    for name in ("users", "users_roles"):
        (folder / name).touch(0o664)
    yield folder
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_nobody_else_reads_the_hash_of_the_password(config: Path) -> None:
    password = add_user(config)
    assert len(password) == 32
    assert password not in (config / "users").read_text()
    assert (config / "users").read_text().startswith("xlrec:{PBKDF2}")
    assert mode(config / "users") == 0o600


def test_nobody_else_reads_the_key(config: Path, tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "elasticsearch-certutil"
    tool.parent.mkdir()
    tool.write_text(TOOL)
    tool.chmod(0o755)
    settings = add_certificate(config, tmp_path, Java(Path("/java"), 21))
    key = config / settings["xpack.security.http.ssl.key"]
    certificate = config / settings["xpack.security.http.ssl.certificate"]
    assert (key.read_text(), mode(key)) == ("key", 0o600)
    assert (certificate.read_text(), mode(certificate)) == ("certificate", 0o666)
