"""The folder of one node: what is in it, whose it is, and which processes belong to it.

xlrec-node.json  what runs here; locked for as long as it runs
console.log      what the server prints
config/          written again at every start
data/ logs/ tmp/ the server's own
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xlrec_es.errors import MissingExtra, NodeError
from xlrec_es.node.account import Account

if TYPE_CHECKING:
    import psutil

_RECORD = "xlrec-node.json"


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What `xlrec-node.json` holds.

    Attributes:
        version: The server's version.
        java: The folder of the Java that runs it.
        language_analyzers: Whether the server has them.
        port: The HTTP port that was asked for, or None.
        settings: Elasticsearch settings that were asked for.
        password: Of the user `security.USERNAME`, if security is switched on.
    """

    version: str
    java: str
    language_analyzers: bool
    port: int | None
    settings: Mapping[str, str]
    password: str | None


def default_folder() -> Path:
    """Where the node lives if nobody says; root's is where other users can enter."""
    if os.geteuid() == 0:
        return Path("/var/lib/xlrec-es/node")
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "xlrec-es" / "node"


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """One node's folder; `path` is absolute and free of symbolic links."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> NodeFolder:
        """The folder at a path, which need not exist."""
        return cls(path.expanduser().resolve())

    @property
    def console(self) -> Path:
        """What the launcher and the server print, since the last start."""
        return self.path / "console.log"

    @property
    def ports(self) -> Path:
        """Where the server writes the addresses that it listens on, once it does."""
        return self.path / "logs" / "http.ports"

    @property
    def exists(self) -> bool:
        """Whether it is a node's folder."""
        return (self.path / _RECORD).exists()

    # A process id in a file may long belong to another program. So each process of a node carries
    # an argument that no other process has, and is found by it.

    @property
    def supervisor_mark(self) -> str:
        """An argument of the supervisor's command line."""
        return f"--xlrec-node={self.path}"

    @property
    def launcher_mark(self) -> str:
        """An argument of the command line of Elasticsearch's launcher."""
        return f"-Epath.data={self.path / 'data'}"

    @property
    def server_mark(self) -> str:
        """An argument of the server's command line."""
        return f"-Dxlrec.node={self.path}"

    def claim(self) -> int | None:
        """Lock the folder for a new node.

        Returns:
            The descriptor that holds the lock, which the kernel frees with the last process that
            has it open; None if a node holds it.

        Raises:
            NodeError: The folder belongs to something else, or cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if any(self.path.iterdir()) and not self.exists:
                raise NodeError(
                    f"{self.path} holds files that are not a node's; give an empty folder"
                )
            descriptor = os.open(self.path / _RECORD, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise NodeError(
                f"cannot use {self.path} for a node: {error.strerror}; give another folder"
            ) from error
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if self.is_locked():
                    os.close(descriptor)
                    return None
                # Somebody only looked, with `is_locked`.

    def is_locked(self) -> bool:
        """Whether a node runs here, or is starting or stopping."""
        try:
            descriptor = os.open(self.path / _RECORD, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who look do not take each other for a node.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def read(self) -> NodeRecord | None:
        """The record; None if there is none, or it was cut off while it was written."""
        try:
            return NodeRecord(**json.loads((self.path / _RECORD).read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, descriptor: int, record: NodeRecord) -> None:
        """Write the record through the descriptor that `claim` gave: the lock is on this file."""
        os.fchmod(descriptor, 0o600)  # it holds a password, whoever has made it
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(record), indent=2).encode(), 0)

    def prepare(self, home: Path) -> None:
        """Make the server's own folders, and a fresh copy of the configuration in its home."""
        # Never written through by root: an account that owns it could have put a link there.
        shutil.rmtree(self.path / "config", ignore_errors=True)
        shutil.rmtree(self.path / "tmp", ignore_errors=True)
        shutil.copytree(home / "config", self.path / "config")
        self.ports.unlink(missing_ok=True)
        for name in ("data", "logs", "tmp"):
            (self.path / name).mkdir(exist_ok=True)
        self.console.write_bytes(b"")

    def hand_over(self, account: Account) -> None:
        """Give the server's own folders to its account; the folder itself stays root's."""
        config = self.path / "config"
        folders = (self.path / name for name in ("data", "logs", "tmp", "config"))
        # What is in a folder goes first: nothing is looked up in a folder that is given away.
        for path in (*config.rglob("*"), *folders):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)

    def last_lines(self, count: int) -> list[str]:
        """The end of the console; nothing if no server was ever started."""
        try:
            with self.console.open(encoding="utf-8", errors="replace") as file:
                return [line.rstrip("\n") for line in deque(file, maxlen=count)]
        except FileNotFoundError:
            return []

    def processes(self, *marks: str) -> list[psutil.Process]:
        """The processes that carry one of the marks; by default all processes of this node.

        Raises:
            MissingExtra: psutil is not installed.
        """
        try:
            import psutil
        except ImportError as error:
            raise MissingExtra.named("node", "a local Elasticsearch") from error
        wanted = set(marks or (self.supervisor_mark, self.launcher_mark, self.server_mark))
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if wanted.intersection(process.info["cmdline"] or ())
        ]

    def terminate(self) -> None:
        """Tell the supervisor to end the node.

        Raises:
            NodeError: It belongs to another user.
        """
        self._signal(self.processes(self.supervisor_mark), signal.SIGTERM)

    def kill(self) -> bool:
        """Kill whatever is left of the node, as after a crash, and wait until it is gone.

        Returns:
            Whether there was anything.

        Raises:
            NodeError: It belongs to another user, or does not die.
        """
        deadline = time.monotonic() + 10
        found = left = self.processes()
        while left:
            if time.monotonic() > deadline:
                pids = ", ".join(str(process.pid) for process in left)
                raise NodeError(f"processes {pids} of the node in {self.path} do not end")
            self._signal(left, signal.SIGKILL)
            time.sleep(0.05)
            left = self.processes()
        return bool(found)

    def _signal(self, processes: list[psutil.Process], number: int) -> None:
        for process in processes:
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue
            except PermissionError as error:
                raise NodeError(
                    f"process {process.pid} of the node in {self.path} belongs to another user"
                ) from error
