"""Learners of indicators, by the name that the command line calls them."""

from __future__ import annotations

from xlrec_es.errors import MissingExtra

try:
    import scipy  # noqa: F401 - a lack of it is told here, once for all learners
except ImportError as error:
    raise MissingExtra.named("ingest", "Learning indicators") from error

from ingest.indicators.learners.cooccurrence import (
    Association,
    Cosine,
    LogLikelihood,
    RP3Beta,
)
from ingest.indicators.learners.ease import Ease
from ingest.indicators.learners.learner import Learner
from ingest.indicators.learners.local_ease import LocalEase

LEARNERS: dict[str, type[Learner]] = {
    "local-ease": LocalEase,
    "ease": Ease,
    "cosine": Cosine,
    "llr": LogLikelihood,
    "rp3beta": RP3Beta,
    "association": Association,
}

__all__ = [
    "LEARNERS",
    "Association",
    "Cosine",
    "Ease",
    "Learner",
    "LocalEase",
    "LogLikelihood",
    "RP3Beta",
]
