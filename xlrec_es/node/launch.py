"""From options to a server that answers."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xlrec_es.errors import NodeError
from xlrec_es.node import configuration, security
from xlrec_es.node.account import Account, readable_by, server_account
from xlrec_es.node.distribution import Installation, choose, install
from xlrec_es.node.folder import NodeFolder, NodeRecord, default_folder
from xlrec_es.node.info import NodeInfo, answers, describe
from xlrec_es.node.java import find_javas
from xlrec_es.node.supervisor import Task, spawn

_POLL_S = 0.2
_TELLING = re.compile(r"error|exception|fatal|caused by|refus|cannot|could not|not found", re.I)
_STACK = re.compile(r"\s*(at |\.\.\. \d+ more)")


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """What the caller wants; see `lifecycle.start`."""

    port: int | None
    version: str | None
    heap: str
    settings: Mapping[str, str]
    java_options: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """Who the node dies with.

    Attributes:
        pid: This process.
        temporary: Whether the folder goes too.
    """

    pid: int
    temporary: bool


def launch(
    node: NodeFolder, options: LaunchOptions, owner: Owner | None = None
) -> subprocess.Popen[bytes] | None:
    """Install what is missing, write the configuration, and start the supervisor.

    Returns:
        As `supervisor.spawn`; None if a node has the folder already.

    Raises:
        NodeError: As `lifecycle.start`.
        ConfigError: As `lifecycle.start`.
        MissingExtra: As `lifecycle.start`.
    """
    configuration.check(options.heap, options.settings)
    account = server_account()
    if account is not None:
        _open_to(account, node, owner)
    with readable_by(account):
        lock = node.claim()
        if lock is None:
            return None
        try:
            node.kill()  # left by a crash
            installation = _install(node, options, account)
            _check_port(options.port)
            password = _configure(node, installation, options)
            if account is not None:
                node.hand_over(account)
            node.write(lock, _record(installation, options, password))
            task = _task(node, installation, account, owner)
            return spawn(task, node.supervisor_mark, lock=lock, output=node.console)
        except OSError as error:
            raise NodeError(f"cannot prepare a node in {node.path}: {error}") from error
        finally:
            os.close(lock)


def wait_until_ready(node: NodeFolder, timeout_s: float) -> NodeInfo:
    """Wait until the node answers.

    Args:
        node: Its folder.
        timeout_s: Seconds to wait; a node that needs longer is stopped.

    Raises:
        NodeError: It ended, or needs longer.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        info = describe(node)
        if info is not None and answers(info):
            return info
        if not node.is_locked():
            raise NodeError(f"Elasticsearch did not start in {node.path}:\n{last_words(node)}")
        time.sleep(_POLL_S)
    raise NodeError(
        f"Elasticsearch in {node.path} does not answer after {timeout_s:g} seconds:\n"
        f"{last_words(node)}"
    )


def last_words(node: NodeFolder) -> str:
    """The lines of the console that most likely say why the server ended, indented."""
    lines = node.last_lines(200)
    telling = [line for line in lines if _TELLING.search(line) and not _STACK.match(line)]
    return "\n".join(f"  {line.strip()}" for line in (telling or lines)[-6:])


def check_agreement(node: NodeFolder, options: LaunchOptions) -> None:
    """Refuse to pass a running node off for another one.

    Raises:
        NodeError: The node that runs has another port, version or other settings than asked for.
    """
    record = node.read()
    if record is None:
        return
    for name, wanted, has in (
        ("port", options.port, record.port),
        ("version", options.version, record.version),
        ("settings", dict(options.settings) or None, record.settings),
    ):
        if wanted is not None and wanted != has:
            raise NodeError(
                f"a node runs in {node.path} already, with {name} {has}, not {wanted}; stop it "
                f"first: xlrec-es node stop --folder {node.path}"
            )


def _open_to(account: Account, node: NodeFolder, owner: Owner | None) -> None:
    """Make sure that the server's account can reach its folder."""
    if owner is not None and owner.temporary:
        node.path.chmod(0o755)  # made for this user alone
    if not account.may_enter(node.path):
        raise NodeError(
            f"Elasticsearch does not run as root, and {account.name}, who runs it instead, cannot "
            f"enter {node.path}; choose a folder that all users can enter, such as "
            f"{default_folder()}"
        )


def _install(node: NodeFolder, options: LaunchOptions, account: Account | None) -> Installation:
    record = node.read()
    version = options.version or (record.version if record else None)
    server, java = choose(find_javas(account=account), version)
    if record and _numbers(server.version) < _numbers(record.version):
        raise NodeError(
            f"{node.path} holds data of Elasticsearch {record.version}, which {server.version} "
            "cannot read; give another folder"
        )
    return install(server, java, account)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _check_port(port: int | None) -> None:
    if port is None:
        return
    with socket.socket() as probe:
        # As the server does it: a port whose last connections linger counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise NodeError(
                f"port {port} is not free ({error.strerror}); "
                "give another --port, or none, and a free one is taken"
            ) from error


def _configure(node: NodeFolder, installation: Installation, options: LaunchOptions) -> str | None:
    """Write the configuration; returns the password if the node has security switched on."""
    node.prepare(installation.home)
    config = node.path / "config"
    settings = dict(options.settings)
    if security.wants_certificate(settings):
        settings |= security.add_certificate(config, installation.home, installation.java)
    configuration.write(
        node,
        port=options.port,
        settings=settings,
        java_options=[*configuration.heap_options(options.heap), *options.java_options],
    )
    return security.add_user(config) if security.wants_user(settings) else None


def _record(installation: Installation, options: LaunchOptions, password: str | None) -> NodeRecord:
    return NodeRecord(
        version=installation.server.version,
        java=str(installation.java.home),
        language_analyzers=installation.has_language_analyzers,
        port=options.port,
        settings=dict(options.settings),
        password=password,
    )


def _task(
    node: NodeFolder, installation: Installation, account: Account | None, owner: Owner | None
) -> Task:
    return Task(
        command=[
            str(installation.home / "bin" / "elasticsearch"),
            node.launcher_mark,
            f"-Epath.logs={node.path / 'logs'}",
        ],
        # Nothing of the caller's but PATH: its ES_JAVA_OPTS and the like are meant for others.
        environment={
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(node.path),
            "ES_JAVA_HOME": str(installation.java.home),
            "ES_PATH_CONF": str(node.path / "config"),
            "ES_TMPDIR": str(node.path / "tmp"),
            # The launcher's own files too: what it leaves when killed goes with the next start.
            "JDK_JAVA_OPTIONS": f'-XX:-UsePerfData "-Djava.io.tmpdir={node.path / "tmp"}"',
        },
        owner=owner.pid if owner else None,
        account=(account.uid, account.gid) if account else None,
        delete=str(node.path) if owner and owner.temporary else None,
    )
