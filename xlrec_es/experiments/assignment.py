"""Which variant a user sees: the same one every time, on every machine, without a store. Pure.

A hash of the salt and the user's id is a number between 0 and 1, and each variant has a part of
that range. Another salt divides the users anew, independently of the first. A share that grows
takes users from other variants; none but these changes.

Source: Kohavi, Tang and Xu 2020, "Trustworthy Online Controlled Experiments", chapter 4
(https://doi.org/10.1017/9781108653985).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from xlrec_es.errors import UsageError

_BYTES = 8
_RANGE = 2.0 ** (8 * _BYTES)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Variants, and how users are divided among them.

    Attributes:
        salt: A name of this experiment's own: two with one salt divide users alike.
        shares: By variant, in this order; they add up to 1.
    """

    salt: str
    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        if not self.salt:
            raise UsageError("an experiment needs a salt: a name of its own")
        if not self.shares:
            raise UsageError(
                "an experiment needs variants with shares, such as {'a': 0.5, 'b': 0.5}"
            )
        for variant, share in self.shares.items():
            if not (variant and 0 <= share <= 1):
                raise UsageError(f"the share of {variant!r} is {share}; use 0 to 1")
        if not math.isclose(math.fsum(self.shares.values()), 1, abs_tol=1e-9):
            raise UsageError(
                f"the shares add up to {math.fsum(self.shares.values()):g}; they must to 1"
            )

    def variant_of(self, user: str) -> str:
        """The variant that a user sees.

        Args:
            user: The user's id, as it is logged.
        """
        # The length first: "ab" with "c" is not to be "a" with "bc".
        text = f"{len(self.salt)}:{self.salt}{user}"
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        place = int.from_bytes(digest[:_BYTES], "big") / _RANGE
        bound = 0.0
        for variant, share in self.shares.items():
            bound += share
            if place < bound:
                return variant
        # The last one that has a share: sums of floats may end a little below 1.
        return next(name for name, share in reversed([*self.shares.items()]) if share > 0)
