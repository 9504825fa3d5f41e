"""Start, find and stop local nodes.

Needs the extra `node`, and Java 17 or newer.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from xlrec_es.errors import NodeError
from xlrec_es.node.folder import NodeFolder, default_folder
from xlrec_es.node.info import NodeInfo, NodeStatus, answers, describe
from xlrec_es.node.launch import LaunchOptions, Owner, check_agreement, launch, wait_until_ready

HEAP = "1g"
START_TIMEOUT_S = 180.0
_POLL_S = 0.2


def start(
    folder: Path | None = None,
    *,
    port: int | None = None,
    version: str | None = None,
    heap: str = HEAP,
    settings: Mapping[str, str] | None = None,
    timeout_s: float = START_TIMEOUT_S,
) -> NodeInfo:
    """Start a node that lives on until `stop`; one that runs in the folder already is returned.

    Args:
        folder: Where it keeps its data; None is the user's own place for it.
        port: HTTP port on the localhost; None takes the first free one from 9200.
        version: Elasticsearch's version; None is that of the folder, or else the newest that the
            Java found can run.
        heap: Memory of the server, as Java writes it.
        settings: Elasticsearch settings that go before the defaults.
        timeout_s: Seconds until it must answer.

    Raises:
        NodeError: It cannot be installed or started, or the folder is not to be had.
        ConfigError: The heap or the settings are wrong.
        MissingExtra: The extra `node` is not installed.
    """
    node = NodeFolder.at(folder or default_folder())
    options = LaunchOptions(port, version, heap, settings or {})
    launched = launch(node, options)
    if launched is None:
        info = wait_until_ready(node, timeout_s)
        check_agreement(node, options)
        return info
    try:
        launched.wait()  # it has left the supervisor to itself
        return wait_until_ready(node, timeout_s)
    except BaseException:  # an interrupt too must not leave half a start behind
        stop(node.path)
        raise


@contextlib.contextmanager
def running(
    folder: Path | None = None,
    *,
    port: int | None = None,
    version: str | None = None,
    heap: str = HEAP,
    settings: Mapping[str, str] | None = None,
    java_options: Sequence[str] = (),
) -> Iterator[NodeInfo]:
    """A node that lives as long as the `with` block, and no longer than this process.

    However this process ends, by SIGKILL too and while the node is still starting, no process of
    the node outlives it by more than a few seconds.

    Args:
        folder: Where it keeps its data, which stay; None is a temporary folder that is deleted.
        port: As for `start`.
        version: As for `start`.
        heap: As for `start`.
        settings: As for `start`.
        java_options: Of the server's Java, after those of its own: `-XX:TieredStopAtLevel=1` halves
            the processor time of a start, for nodes that do not live long.

    Raises:
        NodeError: As for `start`; also if a node runs in the folder already.
        ConfigError: As for `start`.
        MissingExtra: As for `start`.
    """
    options = LaunchOptions(port, version, heap, settings or {}, java_options)
    temporary = folder is None
    with contextlib.ExitStack() as cleanup:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="xlrec-node-"))
            cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        node = NodeFolder.at(folder)
        supervisor = launch(node, options, owner=Owner(os.getpid(), temporary))
        if supervisor is None:
            raise NodeError(
                f"a node runs in {node.path} already; stop it with: "
                f"xlrec-es node stop --folder {node.path}"
            )
        cleanup.callback(supervisor.wait)
        cleanup.callback(stop, node.path)
        yield wait_until_ready(node, START_TIMEOUT_S)


def stop(folder: Path | None = None, *, timeout_s: float = 60.0) -> bool:
    """Stop the node of a folder, and clean up after one that crashed.

    Args:
        folder: The node's folder; None is the default one.
        timeout_s: Seconds that it may take to close its indices; then it is killed.

    Returns:
        Whether a node ran there.

    Raises:
        NodeError: The folder is no node's, or its processes belong to another user.
        MissingExtra: The extra `node` is not installed.
    """
    node = _existing(folder)
    ran = node.is_locked()
    deadline = time.monotonic() + timeout_s
    while node.is_locked() and time.monotonic() < deadline:
        # Again and again: a node that is just being started may get its supervisor only now.
        node.terminate()
        time.sleep(_POLL_S)
    return node.kill() or ran


def status(folder: Path | None = None) -> NodeStatus:
    """Whether a node runs in a folder; an absent or foreign folder has none.

    Raises:
        MissingExtra: The extra `node` is not installed.
    """
    node = NodeFolder.at(folder or default_folder())
    if not node.is_locked():
        return NodeStatus("stopped")
    info = describe(node)
    if info is None or not answers(info):
        return NodeStatus("starting")
    return NodeStatus("running", info)


def logs(folder: Path | None = None, *, lines: int = 50) -> list[str]:
    """The last lines that the server printed since its last start.

    Raises:
        NodeError: The folder is no node's.
    """
    return _existing(folder).last_lines(lines)


def follow(folder: Path | None = None, *, lines: int = 50) -> Iterator[str]:
    """As `logs`, and then whatever the server prints until it ends, in pieces.

    Raises:
        NodeError: The folder is no node's.
    """
    node = _existing(folder)
    if not node.console.exists():
        return
    with node.console.open(encoding="utf-8", errors="replace") as file:
        yield "".join(deque(file, maxlen=lines))
        runs = True
        while runs:
            runs = node.is_locked()  # before reading, so that the last words are read too
            yield file.read()
            time.sleep(_POLL_S)


def _existing(folder: Path | None) -> NodeFolder:
    node = NodeFolder.at(folder or default_folder())
    if not node.exists:
        raise NodeError(
            f"there is no node in {node.path}; start one with: "
            f"xlrec-es node start --folder {node.path}"
        )
    return node
