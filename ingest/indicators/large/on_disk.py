"""The folder where interactions are kept while they are learned from."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from xlrec_es.errors import IngestError
from xlrec_es.output_files import temporary

MEMORY_MB = 1024
"""What DuckDB may take by default."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A folder, and what may be taken of memory beside it.

    Attributes:
        folder: For files, about 60 bytes for an interaction while they are sorted.
        memory_mb: What DuckDB may take; blocks that are worked at come on top.
    """

    folder: Path
    memory_mb: int = MEMORY_MB

    @contextlib.contextmanager
    def opened(self) -> Iterator[OnDisk]:
        """A folder of its own in the folder, for as long as the `with` block lasts.

        Raises:
            IngestError: It cannot be made.
            UsageError: It has no room.
        """
        try:
            own = Path(tempfile.mkdtemp(prefix="xlrec-learn-", dir=self.folder))
        except OSError as error:
            raise IngestError(
                f"cannot write into {self.folder}: {error.strerror}; name another folder with "
                "--on-disk"
            ) from error
        try:
            with temporary(own, named_by="--on-disk"):
                yield replace(self, folder=own)
        finally:
            shutil.rmtree(own, ignore_errors=True)
