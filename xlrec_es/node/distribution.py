"""Which server to run, and how it gets onto this machine.

Maven Central carries the server that Elasticsearch's own integration tests run: the real one,
without most modules. It is fetched once, checked against a hash kept here, and unpacked together
with the language-analysis plugin into a home that all nodes of the machine share, read-only.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xlrec_es.cache_folder import cache_dir, exclusive
from xlrec_es.errors import MissingExtra, NodeError
from xlrec_es.node import plugin
from xlrec_es.node.account import Account
from xlrec_es.node.java import Java

_log = logging.getLogger(__name__)

_SYSTEM_CACHE = Path("/var/cache/xlrec-es")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that this program can run.

    Attributes:
        version: Elasticsearch's version.
        java: The oldest Java release that it runs on.
        sha256: Of the zip file, hexadecimal.
    """

    version: str
    java: int
    sha256: str


SERVERS = (
    Server("9.5.0", 21, "db0e275fd790f723eca7bcde96069fd6fed304ad23afdb70c8c09553dd9e8b1b"),
    Server("8.19.0", 17, "14833b2d86c30656901f92049f81fb5777a8e4545413c8656cd1a21b55173033"),
)
"""Newest first."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A server that is ready to run.

    Attributes:
        server: Which.
        java: What runs it.
        home: The unpacked server; many nodes may share it.
    """

    server: Server
    java: Java
    home: Path

    @property
    def has_language_analyzers(self) -> bool:
        """Whether the language-analysis plugin is in it."""
        return plugin.is_installed(self.home)


def choose(javas: Sequence[Java], version: str | None = None) -> tuple[Server, Java]:
    """The newest server that one of the Javas can run, and the Java to run it with.

    A JDK goes before a JRE, since the language analyzers need a compiler.

    Args:
        javas: What this machine has, best first.
        version: Take this server; None takes the newest possible.

    Raises:
        NodeError: No such server, or no Java that runs it.
    """
    servers = [server for server in SERVERS if version in (None, server.version)]
    if not servers:
        raise NodeError(
            f"there is no local Elasticsearch {version}; "
            f"choose from {', '.join(server.version for server in SERVERS)}"
        )
    for server in servers:
        if able := [java for java in javas if java.release >= server.java]:
            return server, min(able, key=lambda java: java.compiler is None)
    oldest = servers[-1]
    found = ", ".join(f"{java.release} in {java.home}" for java in javas) or "none"
    raise NodeError(
        f"Elasticsearch {oldest.version} needs Java {oldest.java} or newer; found: {found}. "
        f"Install a JDK (Debian and Ubuntu: apt install openjdk-{oldest.java}-jdk-headless; "
        "macOS: brew install openjdk), or use a cluster that runs already (--url or XLREC_URL), "
        "or start one with: docker compose up"
    )


def install(server: Server, java: Java, account: Account | None) -> Installation:
    """Make sure that the server is unpacked, with the plugin if the Java has a compiler.

    Args:
        server: Which.
        java: What will run it, and compile the plugin.
        account: Who will run it, if not the caller.

    Raises:
        NodeError: It cannot be downloaded, unpacked or compiled.
        MissingExtra: It has to be downloaded and jgo is not installed.
    """
    homes = _homes(account)
    name = f"{server.version}-{plugin.fingerprint(server.version)}"
    home = homes / (name if java.compiler else f"{server.version}-plain")
    # A home is moved into place in one step, so one that exists is whole.
    if not home.exists():
        try:
            with exclusive(homes / f"{home.name}.lock"):
                if not home.exists():
                    _build(home, server, java)
        except (OSError, zipfile.BadZipFile) as error:
            raise NodeError(f"cannot unpack Elasticsearch into {home}: {error}") from error
    return Installation(server, java, home)


def _homes(account: Account | None) -> Path:
    """Where homes live: the cache, unless the server's account cannot enter it (as in /root)."""
    cache = cache_dir()
    if account is not None and not account.may_enter(cache):
        cache = _SYSTEM_CACHE
    return cache / "elasticsearch"


def _build(home: Path, server: Server, java: Java) -> None:
    archive = fetch(server, cache_dir() / "maven")
    _log.info("unpacking Elasticsearch %s into %s", server.version, home)
    partial = home.with_name(f"{home.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    _unpack(archive, partial)
    if java.compiler:
        _log.info("compiling the language analyzers")
        plugin.install(partial, java.compiler, version=server.version, release=server.java)
    partial.rename(home)


def _unpack(archive: Path, target: Path) -> None:
    """Unpack without the zip file's top folder."""
    with zipfile.ZipFile(archive) as contents:
        for entry in contents.infolist():
            path = target.joinpath(*Path(entry.filename).parts[1:])
            if entry.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            with contents.open(entry) as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            # ZipFile leaves modes out; the scripts in bin need theirs.
            if (entry.external_attr >> 16) & 0o100:
                path.chmod(0o755)


def fetch(server: Server, repository: Path) -> Path:
    """The server's zip file, downloaded unless a whole one is there.

    Args:
        server: Which.
        repository: Local Maven repository.

    Raises:
        NodeError: It cannot be downloaded, or what arrives is not the pinned file.
        MissingExtra: jgo is not installed.
    """
    with exclusive(repository / "download.lock"):
        for _ in range(2):
            archive = _resolve(server, repository)
            if _sha256(archive) == server.sha256:
                return archive
            # Half of a download that was cut off, or a damaged file: fetch it again.
            archive.unlink()
    raise NodeError(
        f"what Maven Central gives as Elasticsearch {server.version} is not the expected file "
        "(its SHA-256 differs); try again, and check for a proxy that changes downloads"
    )


def _resolve(server: Server, repository: Path) -> Path:
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise MissingExtra.named("node", "a local Elasticsearch") from error
    context = MavenContext(repo_cache=repository, timeout=60)
    project = context.project("org.elasticsearch.distribution.integ-test-zip", "elasticsearch")
    artifact = project.at_version(server.version).artifact(packaging="zip")
    if not (artifact.cached_path and artifact.cached_path.exists()):
        _log.info("downloading Elasticsearch %s (about 130 MB, once)", server.version)
    try:
        return Path(artifact.resolve())
    except (OSError, RuntimeError) as error:  # requests' exceptions are OSErrors
        raise NodeError(
            f"cannot download Elasticsearch {server.version} from Maven Central: {error}; "
            "check the network, or use a cluster that runs already (--url or XLREC_URL)"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
