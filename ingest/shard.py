"""Parts of the work, for several machines to share it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from xlrec_es.errors import UsageError


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts.

    Attributes:
        number: From 1.
        count: How many there are.

    Raises:
        UsageError: There is no such part.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise UsageError(
                f"the shard is {self}; use 1/{self.count} to {self.count}/{self.count}"
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `2/4`.

        Raises:
            UsageError: It is not of that form.
        """
        try:
            number, count = map(int, text.split("/"))
        except ValueError:
            raise UsageError(
                f"--shard {text!r}: write the part and how many, such as 1/4"
            ) from None
        return cls(number, count)

    def has(self, key: str) -> bool:
        """Whether this part has what has this key; exactly one of the parts does."""
        if self.count == 1:
            return True
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "little") % self.count == self.number - 1
