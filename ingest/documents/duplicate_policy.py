"""What is done with texts that come more than once."""

from __future__ import annotations

from dataclasses import dataclass

from xlrec_es.errors import ConfigError

MODES = ("keep", "drop", "link")
MAX_NEAR = 0.95
"""The estimate tells nothing between here and equal, and equal texts are found anyway."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What is done with texts that come more than once.

    Attributes:
        mode: One of `MODES`.
        near: Jaccard similarity of the sets of five characters in a row, from which on texts are
            duplicates too; None if only equal texts are.
    """

    mode: str = "keep"
    near: float | None = None

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises:
            ConfigError: It contradicts itself, or the threshold is out of reach.
        """
        if self.near is None:
            return
        if self.mode == "keep":
            raise ConfigError("--near-duplicates finds texts for --duplicates drop or link; add it")
        if not 0 < self.near <= MAX_NEAR:
            raise ConfigError(f"--near-duplicates {self.near}: give a number up to {MAX_NEAR}")


KEEP = Duplicates()
