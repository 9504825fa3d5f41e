"""Users whom everything that is learned leaves out, known by salted digests of their ids."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

REASON = "of a forgotten user"
"""Reason for which a row does not count."""

LEFT_OUT = "forgotten"
"""Key of a note of what was learned: how many forgotten users it was learned without."""

POPULARITY_LEFT_OUT = "forgotten in popularity"
"""Likewise for popularity, where it stays from an earlier run; else it is of the same run."""

MOST = 10_000
"""Digests in one index: they are a part of its mapping, which every node of a cluster holds."""

_SALT_BYTES, _DIGEST_BYTES = 16, 12


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Who is to be left out.

    A digest does not tell the id, but whoever has the salt can see whether an id that they know is
    among them. That is what it is for: a source that still has the user's rows gives the id again.

    Attributes:
        salt: Of this index alone, so that two indices do not tell that they mean the same user.
        digests: One for each user.
    """

    salt: bytes = b""
    digests: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.digests)

    def __contains__(self, user: object) -> bool:
        return bool(self.digests) and isinstance(user, str) and self._digest(user) in self.digests

    def with_users(self, users: Iterable[str]) -> Self:
        """These and others."""
        salted = self if self.salt else replace(self, salt=secrets.token_bytes(_SALT_BYTES))
        more = {salted._digest(user) for user in users}
        return replace(salted, digests=salted.digests | more)

    @property
    def as_note(self) -> dict[str, int]:
        """Says in a note of what was learned how many were left out; nothing if nobody was."""
        return {LEFT_OUT: len(self.digests)} if self.digests else {}

    def to_meta(self) -> dict[str, Any]:
        """As stored in `_meta.xlrec`."""
        return {"salt": self.salt.hex(), "users": sorted(self.digests)}

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Self:
        """The inverse of `to_meta`; of an index that has forgotten nobody, an empty mapping."""
        return cls(bytes.fromhex(meta.get("salt", "")), frozenset(meta.get("users", ())))

    def _digest(self, user: str) -> str:
        hashed = hashlib.blake2b(user.encode(), key=self.salt, digest_size=_DIGEST_BYTES)
        return hashed.hexdigest()
