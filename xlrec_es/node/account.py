"""Who runs the server. Elasticsearch refuses to run as root, so root gives it another account."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# What the Linux kernel maps unknown users to; distributions name it `nobody`.
_OVERFLOW_ID = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """An ordinary user that root can run a process as.

    Attributes:
        name: For messages.
        uid: User id.
        gid: Group id.
    """

    name: str
    uid: int
    gid: int

    def may_enter(self, folder: Path) -> bool:
        """Whether the account can reach what is in a folder; what does not exist counts as open."""
        for part in (folder, *folder.parents):
            try:
                status = part.stat()
            except FileNotFoundError:
                continue
            shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
            if not (status.st_mode >> shift) & 0o001:
                return False
        return True


def server_account() -> Account | None:
    """The account to run the server as, or None for the caller's own."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(f"user {_OVERFLOW_ID}", _OVERFLOW_ID, _OVERFLOW_ID)
    return Account("user nobody", nobody.pw_uid, nobody.pw_gid)


@contextmanager
def readable_by(account: Account | None) -> Iterator[None]:
    """Let what is made meanwhile be read by the account, whatever root's umask is."""
    if account is None:
        yield
        return
    previous = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(previous)
