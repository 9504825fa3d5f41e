from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from xlrec_es.errors import MissingExtra, NodeError
from xlrec_es.node import distribution
from xlrec_es.node.account import Account
from xlrec_es.node.distribution import SERVERS, Server, choose, fetch
from xlrec_es.node.folder import NodeFolder
from xlrec_es.node.java import Java


@pytest.fixture
def java(tmp_path: Path) -> Callable[..., Java]:
    def make(release: int, *, compiler: bool = True) -> Java:
        home = tmp_path / f"java-{release}-{'jdk' if compiler else 'jre'}"
        (home / "bin").mkdir(parents=True, exist_ok=True)
        if compiler:
            (home / "bin" / "javac").touch()
        return Java(home, release)

    return make


@pytest.mark.parametrize(
    ("releases", "version", "expected"),
    [
        ([17, 25], None, ("9.5.0", 25)),
        ([25, 21], None, ("9.5.0", 25)),
        ([17], None, ("8.19.0", 17)),
        ([20, 11], None, ("8.19.0", 20)),
        ([17, 25], "8.19.0", ("8.19.0", 17)),
        ([25], "8.19.0", ("8.19.0", 25)),
    ],
)
def test_the_newest_server_on_the_first_java_that_runs_it(
    java: Callable[..., Java], releases: list[int], version: str | None, expected: tuple[str, int]
) -> None:
    server, chosen = choose([java(release) for release in releases], version)
    assert (server.version, chosen.release) == expected


def test_a_jdk_goes_before_a_jre(java: Callable[..., Java]) -> None:
    assert choose([java(21, compiler=False), java(25)])[1].release == 25
    assert choose([java(21, compiler=False)])[1].release == 21


@pytest.mark.parametrize("found", [[], [11]])
def test_without_java_the_message_says_what_to_do(
    java: Callable[..., Java], found: list[int]
) -> None:
    with pytest.raises(NodeError) as caught:
        choose([java(release) for release in found])
    message = str(caught.value)
    for part in ("Java 17", "openjdk-17-jdk", "--url", "XLREC_URL", "docker compose up"):
        assert part in message
    assert ("found: none" in message) == (not found)


def test_a_java_too_old_for_the_version_asked_for(java: Callable[..., Java]) -> None:
    with pytest.raises(NodeError, match=r"9\.5\.0 needs Java 21 or newer; found: 17 in "):
        choose([java(17)], "9.5.0")


def test_an_unknown_version_names_the_known_ones(java: Callable[..., Java]) -> None:
    with pytest.raises(NodeError, match=r"choose from 9\.5\.0, 8\.19\.0"):
        choose([java(25)], "7.17.0")


def test_servers_are_pinned_and_ordered() -> None:
    assert [server.java for server in SERVERS] == sorted((s.java for s in SERVERS), reverse=True)
    assert all(len(bytes.fromhex(server.sha256)) == 32 for server in SERVERS)


class Deliveries:
    """In place of the download, for the files that a real repository never gives."""

    def __init__(self, path: Path, *contents: bytes) -> None:
        self.path, self.contents = path, list(contents)

    def __call__(self, _server: Server, _repository: Path) -> Path:
        if not self.path.exists():
            self.path.write_bytes(self.contents.pop(0))
        return self.path


GOOD = Server("1.0", 17, hashlib.sha256(b"whole").hexdigest())


def test_a_damaged_file_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries = Deliveries(tmp_path / "es.zip", b"who", b"whole", b"not asked for")
    monkeypatch.setattr(distribution, "_resolve", deliveries)
    assert fetch(GOOD, tmp_path).read_bytes() == b"whole"
    assert fetch(GOOD, tmp_path).read_bytes() == b"whole"
    assert deliveries.contents == [b"not asked for"]


def test_a_wrong_file_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliveries = Deliveries(tmp_path / "es.zip", b"forged", b"forged")
    monkeypatch.setattr(distribution, "_resolve", deliveries)
    with pytest.raises(NodeError, match="SHA-256 differs"):
        fetch(GOOD, tmp_path)
    assert not deliveries.path.exists()


def test_unpacking_keeps_the_scripts_executable(tmp_path: Path) -> None:
    archive = tmp_path / "es.zip"
    with zipfile.ZipFile(archive, "w") as contents:
        contents.mkdir("top")
        contents.mkdir("top/bin")
        for name, mode in (("top/bin/run", 0o755), ("top/bin/notes", 0o644)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            contents.writestr(entry, name)
    distribution._unpack(archive, tmp_path / "home")
    run, notes = tmp_path / "home" / "bin" / "run", tmp_path / "home" / "bin" / "notes"
    assert run.read_text() == "top/bin/run"
    assert [bool(path.stat().st_mode & 0o111) for path in (run, notes)] == [True, False]


def test_homes_leave_a_cache_that_the_account_cannot_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLREC_CACHE", str(tmp_path / "private" / "cache"))
    (tmp_path / "private").mkdir(mode=0o700)
    stranger = Account("a stranger", 54321, 54321)
    assert distribution._homes(None) == tmp_path / "private" / "cache" / "elasticsearch"
    assert distribution._homes(stranger) == Path("/var/cache/xlrec-es/elasticsearch")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("jgo.maven", "psutil"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"pip install 'xlrec-es\[node\]'"):
        fetch(GOOD, tmp_path)
    with pytest.raises(MissingExtra, match=r"pip install 'xlrec-es\[node\]'"):
        NodeFolder.at(tmp_path).processes()
