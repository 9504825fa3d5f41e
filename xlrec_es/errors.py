"""What can go wrong, as one tree. Every message says what is wrong and what to do.

XlrecError
├── UsageError            the caller asked for something that cannot be (exit code 2)
│   ├── ConfigError         options, environment or TOML file
│   ├── UnknownLanguage     not a language tag, or none of the index's languages
│   ├── EmptyHistory        nothing to recommend from
│   └── PlacementRefused    a definition that cannot be used (``.faults``)
├── InvalidJson           not JSON, or none that can be held and written again
├── UnknownItems          no document of the index has these ids (``.items``)
├── ClusterError          Elasticsearch said no (``.status``)
│   ├── ClusterUnreachable
│   ├── AuthenticationFailed
│   ├── PermissionDenied
│   ├── PointInTimeLost     what was being read is forgotten: its node was restarted
│   ├── SearchFailed        a search, or a part of it, failed
│   └── WriteError          it does not take documents
├── IndexUnusable         the index is not what this program needs
│   ├── IndexNotFound
│   ├── NotAnXlrecIndex     it has no `_meta.xlrec`
│   ├── AliasMoved          somebody else swapped meanwhile (``.live``)
│   ├── GateFailed          a new version is not good enough to be swapped in (``.checks``; 4)
│   └── FingerprintMismatch vectors of another encoder or centering (``.differences``)
├── PlacementNotFound     no placement of that name, or no such version of it
├── PlacementChanged      somebody else has changed it meanwhile (``.version``)
├── KibanaError           Kibana does not answer, or does not write all objects (``.status``)
├── NodeError             the local Elasticsearch did not start or stop
├── IngestError           the worker cannot go on
│   ├── SourceError         the input cannot be read (exit code 2)
│   ├── EncoderError        the model cannot be loaded or run
│   ├── TrainingFailed      fine-tuning cannot go on
│   └── TooManyRejects      more records were rejected than was allowed
└── MissingExtra          a part of the program that is not installed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class XlrecError(Exception):
    """Base of every error that this project raises on purpose."""

    exit_code = 1


class UsageError(XlrecError):
    """The caller asked for something that cannot be."""

    exit_code = 2


class ConfigError(UsageError):
    """An option, an environment variable or the TOML file is wrong."""


class UnknownLanguage(UsageError):
    """Not a BCP 47 language tag, or not one of the index's languages."""


class EmptyHistory(UsageError):
    """A history without a single interaction."""


class PlacementRefused(UsageError):
    """The definition of a placement cannot be used; all that is wrong is told at once."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)

    def __reduce__(self) -> tuple[type[PlacementRefused], tuple[Sequence[str]]]:
        return type(self), (self.faults,)


class InvalidJson(XlrecError):
    """Not JSON; or nested too deep, or with a number or a text that cannot be written again.

    The message goes on from "it is": whoever knows what was read says so before it.
    """


class UnknownItems(XlrecError):
    """No document of the index has these ids."""

    def __init__(self, message: str, *, items: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.items = tuple(items)


class ClusterError(XlrecError):
    """Elasticsearch answered with an error."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ClusterUnreachable(ClusterError):
    """Nothing that speaks Elasticsearch answers at the URL."""


class AuthenticationFailed(ClusterError):
    """The cluster does not accept the credentials (401)."""


class PermissionDenied(ClusterError):
    """The credentials are valid but do not allow this (403)."""


class PointInTimeLost(ClusterError):
    """Elasticsearch has forgotten the point in time that was being read."""


class SearchFailed(ClusterError):
    """A search, or a part of a multi-search, failed."""


class WriteError(ClusterError):
    """Elasticsearch does not take the documents."""


class IndexUnusable(XlrecError):
    """The index is not what this program needs."""


class IndexNotFound(IndexUnusable):
    """No index or alias of that name."""


class NotAnXlrecIndex(IndexUnusable):
    """The index was not made by this program: it has no `_meta.xlrec`."""


class AliasMoved(IndexUnusable):
    """Somebody else moved the alias between the look at it and the change."""

    def __init__(self, message: str, *, live: str | None = None) -> None:
        super().__init__(message)
        self.live = live


class GateFailed(IndexUnusable):
    """A new version is not good enough to take the place of the live one."""

    exit_code = 4

    def __init__(self, message: str, *, checks: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.checks = tuple(checks)


class FingerprintMismatch(IndexUnusable):
    """The index holds vectors of another encoder, recipe or centering."""

    def __init__(self, message: str, *, differences: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


class PlacementNotFound(XlrecError):
    """No placement of that name, or no such version of it."""


class PlacementChanged(XlrecError):
    """Somebody else has changed a placement since it was read."""

    def __init__(self, message: str, *, version: int | None = None) -> None:
        super().__init__(message)
        self.version = version


class KibanaError(XlrecError):
    """Kibana does not answer, refuses, or does not write all objects that it is given."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NodeError(XlrecError):
    """The local Elasticsearch could not be installed, started or stopped."""


class IngestError(XlrecError):
    """The ingest worker cannot go on."""


class SourceError(IngestError):
    """The input cannot be read."""

    exit_code = 2


class EncoderError(IngestError):
    """The model cannot be loaded or run."""


class TrainingFailed(IngestError):
    """Fine-tuning cannot go on; the last good checkpoint is kept."""


class TooManyRejects(IngestError):
    """More records were rejected than the user allowed."""


class MissingExtra(XlrecError):
    """A part of the program that is not installed."""

    @classmethod
    def named(cls, extra: str, purpose: str) -> MissingExtra:
        """The error for a missing extra, with the command that installs it."""
        return cls(f"{purpose} needs more packages: pip install 'xlrec-es[{extra}]'")
