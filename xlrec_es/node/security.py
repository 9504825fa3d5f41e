"""Users and a certificate for a node whose settings switch Elasticsearch's security on.

Both are made again at every start: the node serves this machine alone, and whoever may read its
folder may use it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from xlrec_es.errors import NodeError
from xlrec_es.node.java import Java

USERNAME = "xlrec"
"""A superuser in the node's file realm."""

CERTIFICATE = "http.crt"
"""In the node's `config` folder; signed by itself."""

_KEY = "http.key"
# Elasticsearch's default for PBKDF2 hashes, and the fewest rounds that it takes.
_ROUNDS = 10_000


def wants_user(settings: Mapping[str, str]) -> bool:
    """Whether the settings make Elasticsearch ask who is there."""
    return settings.get("xpack.security.enabled") == "true"


def wants_certificate(settings: Mapping[str, str]) -> bool:
    """Whether the settings make Elasticsearch speak TLS to its clients."""
    return settings.get("xpack.security.http.ssl.enabled") == "true"


def add_user(config: Path) -> str:
    """Write a superuser into the file realm.

    Returns:
        The password; the file holds a hash of it.
    """
    password = secrets.token_urlsafe(24)
    salt = secrets.token_bytes(32)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, dklen=32)
    salt_text, digest_text = (base64.b64encode(part).decode() for part in (salt, digest))
    hashed = f"{{PBKDF2}}{_ROUNDS}${salt_text}${digest_text}"
    _write_private(config / "users", f"{USERNAME}:{hashed}\n".encode())
    (config / "users_roles").write_text(f"superuser:{USERNAME}\n", "utf-8")
    return password


def add_certificate(config: Path, home: Path, java: Java) -> dict[str, str]:
    """Make a key and a certificate for the localhost, with Elasticsearch's own tool.

    Args:
        config: The node's `config` folder.
        home: The unpacked server.
        java: What runs it.

    Returns:
        The settings that name the two files.

    Raises:
        NodeError: The tool fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "certificate.zip"
        command = [str(home / "bin" / "elasticsearch-certutil"), "cert", "--silent"]
        command += ["--self-signed", "--pem", "--name", "http", "--days", "3650"]
        command += ["--ip", "127.0.0.1", "--dns", "localhost", "--out", str(archive)]
        environment = {"ES_JAVA_HOME": str(java.home), "ES_PATH_CONF": str(config)}
        environment |= {"ES_TMPDIR": folder, "PATH": "/usr/bin:/bin"}
        try:
            subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        except subprocess.CalledProcessError as error:
            raise NodeError(f"cannot make a certificate: {error.stdout}{error.stderr}") from error
        with zipfile.ZipFile(archive) as files:
            (config / CERTIFICATE).write_bytes(files.read(f"http/{CERTIFICATE}"))
            _write_private(config / _KEY, files.read(f"http/{_KEY}"))
    return {
        "xpack.security.http.ssl.certificate": CERTIFICATE,
        "xpack.security.http.ssl.key": _KEY,
    }


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else can read at any time, whatever stands there and the umask."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
