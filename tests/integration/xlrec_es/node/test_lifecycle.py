"""Local nodes, started and ended in earnest."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import elasticsearch
import psutil
import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from nodes import HEAP, JAVA, VERSIONS, small_node
from xlrec_es.cli.main import main
from xlrec_es.cluster.analyzers import available_analyzers
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import NodeError
from xlrec_es.node import NodeInfo, java, launch, logs, running, start, status, stop
from xlrec_es.node.account import Account, server_account
from xlrec_es.node.distribution import SERVERS, choose, fetch, install
from xlrec_es.node.java import find_javas


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the server's account can enter, which pytest's own is not for root."""
    place = Path(tempfile.mkdtemp(prefix="xlrec-test-")).resolve()
    place.chmod(0o755)
    yield place
    for process in processes_at(place):  # of a test that failed
        process.kill()
    shutil.rmtree(place)


def processes_at(place: Path) -> list[psutil.Process]:
    """The processes that name a place, or anything in it, on their command lines."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(place) in argument for argument in process.info["cmdline"] or ())
    ]


def wait_for(what: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "xlrec_es", "node", *map(str, arguments)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


@contextlib.contextmanager
def client_of(info: NodeInfo) -> Iterator[Elasticsearch]:
    with contextlib.closing(connect(info.connection)) as client:
        yield client


@pytest.mark.slow
def test_life_of_a_node(place: Path) -> None:
    folder = place / "a node"
    both = [
        subprocess.Popen(
            command("start", "--folder", folder, "--heap", HEAP), stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    urls = {starter.communicate()[0] for starter in both}
    assert [starter.returncode for starter in both] == [0, 0]
    assert len(urls) == 1
    again = run("start", "--folder", folder)
    assert again.stdout in urls
    [page] = re.findall(r"In a browser, begin at (\S+): this server has none at /", again.stderr)
    with urllib.request.urlopen(page) as answer:
        assert b"docs.count" in answer.read()

    info = status(folder).info
    assert info is not None
    assert urls == {f"{info.url}\n"}
    assert_listens_on_loopback_only(info)
    assert_server_is_no_root(info)
    assert_folder_is_taken(folder)
    told = run("status", "--folder", folder, "--json")
    assert (told.returncode, json.loads(told.stdout)["url"]) == (0, info.url)
    assert run("logs", "--folder", folder, "--lines", "3").stdout.splitlines() == logs(
        folder, lines=3
    )
    with client_of(info) as client:
        client.index(index="kept", id="1", document={"a": 1}, refresh=True)

    os.kill(info.pid, signal.SIGKILL)
    wait_for(lambda: status(folder).state == "stopped")
    assert processes_at(place) == []
    assert run("status", "--folder", folder).returncode == 5

    again = start(folder, heap=HEAP)
    with client_of(again) as client:
        assert client.get(index="kept", id="1")["_source"] == {"a": 1}
    follower = subprocess.Popen(
        command("logs", "--folder", folder, "--lines", "1", "--follow"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    follower.stdout.readline()
    assert run("stop", "--folder", folder).stdout == "stopped\n"
    assert "closed" in follower.communicate(timeout=30)[0].splitlines()[-1]
    assert processes_at(place) == []
    assert run("stop", "--folder", folder).stdout == "it was not running\n"
    assert "closed" in logs(folder, lines=1)[0]  # it was let to close its indices
    with pytest.raises(NodeError, match="holds data of Elasticsearch"):
        start(folder, version="8.19.0")


def assert_listens_on_loopback_only(info: NodeInfo) -> None:
    connections = psutil.Process(info.pid).net_connections("tcp")
    listening = {c.laddr.ip.removeprefix("::ffff:") for c in connections if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def assert_server_is_no_root(info: NodeInfo) -> None:
    account = server_account()
    assert psutil.Process(info.pid).uids().real == (account.uid if account else os.getuid())
    assert psutil.Process(info.pid).uids().real != 0


def assert_folder_is_taken(folder: Path) -> None:
    refused = run("start", "--folder", folder, "--port", "9999")
    assert refused.returncode == 1
    assert "stop it first" in refused.stderr
    assert "Traceback" not in refused.stderr
    with pytest.raises(NodeError, match="already"), running(folder):
        pass


OWNER = f"""
import sys, time
from xlrec_es.node import running
with running(heap={HEAP!r}, java_options={JAVA!r}) as info:
    print(info.url, info.folder, flush=True)
    time.sleep(300)
"""


def start_owner(place: Path, *prefix: str) -> subprocess.Popen[str]:
    """A process that owns a node, in a temporary folder within the place."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", OWNER],
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("earliest_s", "latest_s"), [(0, 1), (1, 2), (2, 4), (4, 8)])
def test_nothing_outlives_an_owner_killed_while_the_node_starts(
    place: Path, earliest_s: float, latest_s: float
) -> None:
    owner = start_owner(place)
    moment_s = random.uniform(earliest_s, latest_s)
    print(f"killed after {moment_s:.3f} s")
    time.sleep(moment_s)
    owner.kill()
    owner.communicate()
    # Something may still be on its way up, so once is not enough.
    wait_for(lambda: processes_at(place) == [])
    time.sleep(1)
    assert processes_at(place) == []


@pytest.mark.slow
def test_nothing_outlives_an_owner_killed_while_the_node_runs(place: Path) -> None:
    owner = start_owner(place)
    assert owner.stdout is not None
    url = owner.stdout.readline().split()[0]
    assert len(processes_at(place)) == 3  # supervisor, launcher, server
    owner.kill()
    owner.communicate()
    wait_for(lambda: processes_at(place) == [], timeout_s=5)
    wait_for(lambda: list(place.iterdir()) == [])
    port = int(url.rpartition(":")[2])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
def test_an_ordinary_user_runs_the_server_as_itself(place: Path) -> None:
    account = server_account()
    prefix: list[str] = []
    if account is not None:
        # The interpreter may lie in /root, where only a capability lets an ordinary user in.
        prefix = ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
        prefix += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        os.chown(place, account.uid, account.gid)
        # A cache that it can read.
        server, jdk = choose(find_javas(account=account))
        prefix += ["env", f"XLREC_CACHE={install(server, jdk, account).home.parents[1]}"]
    owner = start_owner(place, *prefix)
    assert owner.stdout is not None
    folder = Path(owner.stdout.readline().split()[1])
    uids = [process.uids().effective for process in processes_at(place)]
    assert uids == [account.uid if account else os.getuid()] * 3
    assert (folder / "xlrec-node.json").stat().st_uid == uids[0]
    owner.send_signal(signal.SIGINT)
    owner.communicate()
    assert processes_at(place) == []
    assert list(place.iterdir()) == []


@pytest.mark.slow
def test_without_a_compiler_the_node_starts_and_says_what_it_lacks(place: Path) -> None:
    runtime = place / "jre"
    (runtime / "bin").mkdir(parents=True)
    _, jdk = choose(find_javas(account=server_account()))
    (runtime / "bin" / "java").symlink_to(jdk.home / "bin" / "java")
    started = subprocess.run(
        command("start", "--folder", place / "node", "--heap", HEAP, "--json"),
        env={**os.environ, "ES_JAVA_HOME": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 0, started.stderr
    assert "install a JDK" in started.stderr
    info = status(place / "node").info
    assert info is not None
    assert info.language_analyzers is json.loads(started.stdout)["language_analyzers"] is False
    with client_of(info) as client:
        assert available_analyzers(client) == frozenset()
    stop(place / "node")


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_security_and_tls_by_settings(version: str) -> None:
    settings = {"xpack.security.enabled": "true", "xpack.security.http.ssl.enabled": "true"}
    with small_node(version, settings=settings) as info:
        assert info.url.startswith("https://127.0.0.1:")
        assert info.password is not None
        assert info.password not in repr(info)
        for secret in ("xlrec-node.json", "config/http.key", "config/users"):
            assert (info.folder / secret).stat().st_mode & 0o777 == 0o600, secret
        with client_of(info) as client:
            assert client.security.authenticate()["username"] == info.username
            key = client.security.create_api_key(
                name="reader", role_descriptors={"reader": {"cluster": ["monitor"]}}
            )
        trusted = Connection(info.url, api_key=key["encoded"], ca_certs=str(info.ca_certs))
        with contextlib.closing(connect(trusted)) as client:
            assert client.cluster.health()["status"] == "green"
            with pytest.raises(elasticsearch.AuthorizationException):
                client.indices.create(index="forbidden")
        distrustful = Connection(info.url, username=info.username, password=info.password)
        with (
            contextlib.closing(connect(distrustful, max_retries=0)) as client,
            pytest.raises(elasticsearch.TransportError, match="TLS error"),
        ):
            client.cluster.health()


def test_a_server_that_refuses_its_settings_is_quoted(place: Path) -> None:
    folder = place / "node"
    with pytest.raises(NodeError, match=r"unknown setting \[no\.such\]"):
        start(folder, heap=HEAP, settings={"no.such": "setting"})
    assert processes_at(place) == []
    assert status(folder).state == "stopped"


def test_a_server_that_is_too_slow_is_stopped(place: Path) -> None:
    with pytest.raises(NodeError, match="after 1 seconds"):
        start(place / "node", heap=HEAP, timeout_s=1)
    assert processes_at(place) == []


def test_a_port_that_is_taken_is_refused(place: Path) -> None:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        port = occupant.getsockname()[1]
        with pytest.raises(NodeError, match=f"port {port} is not free"):
            start(place / "node", port=port)
    assert processes_at(place) == []


def test_without_java_one_sentence_says_what_to_do(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "_SYSTEM_FOLDERS", ())
    for variable in ("ES_JAVA_HOME", "JAVA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", "")
    folder = ["--folder", str(place / "node")]
    refused = CliRunner().invoke(main, ["node", "start", *folder])
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: Elasticsearch 8.19.0 needs Java 17 or newer; found: ")
    assert refused.output.count("\n") == 1
    # The folder is in nobody's way afterwards.
    assert CliRunner().invoke(main, ["node", "status", *folder]).output == "stopped\n"
    assert CliRunner().invoke(main, ["node", "logs", *folder]).output == ""


def test_a_folder_that_the_server_cannot_enter_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "server_account", lambda: Account("a stranger", 54321, 54321))
    (place / "private").mkdir(mode=0o700)
    with pytest.raises(NodeError, match=r"a stranger.*choose a folder that all users can enter"):
        start(place / "private" / "node")
    assert list((place / "private").iterdir()) == []


INSTALLER = """
import sys
from xlrec_es.node.distribution import SERVERS, install
from xlrec_es.node.java import find_javas
java = max(find_javas(), key=lambda java: (java.compiler is not None, java.release))
print(install(SERVERS[-1], java, None).home)
"""


@pytest.mark.slow
def test_installations_at_once_and_after_a_kill(tmp_path: Path) -> None:
    """Also that a damaged download is noticed: the cache begins with half of one."""
    server = SERVERS[-1]
    archive = tmp_path.joinpath(
        "maven/org/elasticsearch/distribution/integ-test-zip/elasticsearch",
        server.version,
        f"elasticsearch-{server.version}.zip",
    )
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"PK half of a download")

    def start_installer() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", INSTALLER],
            env={**os.environ, "XLREC_CACHE": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )

    first = start_installer()
    wait_for(lambda: any(tmp_path.glob("elasticsearch/*.partial/lib")), timeout_s=120)
    first.kill()
    first.communicate()
    others = [start_installer() for _ in range(2)]
    homes = {other.communicate()[0].strip() for other in others}
    assert [other.returncode for other in others] == [0, 0]
    [home] = homes
    assert fetch(server, tmp_path / "maven") == archive
    with zipfile.ZipFile(archive) as contents:
        expected = {Path(*Path(name).parts[1:]) for name in contents.namelist()}
    there = {path.relative_to(home) for path in Path(home).rglob("*")}
    assert expected - there - {Path()} == set()
    assert {path.parts[0] for path in there - expected} == {"plugins"}
    assert sorted(path.name for path in Path(home).parent.iterdir()) == sorted(
        [Path(home).name, f"{Path(home).name}.lock"]
    )
