"""How commands end: what their exit codes mean."""

from __future__ import annotations

from xlrec_es.errors import GateFailed, UsageError, XlrecError

FAILED = XlrecError.exit_code
MISUSED = UsageError.exit_code
REJECTED = 3
REFUSED = GateFailed.exit_code
UNWELL = 5

EXIT_CODES = {
    0: "done",
    FAILED: "failed; the sentence on standard error says why",
    MISUSED: "options, configuration or an input that cannot be used",
    REJECTED: "done, but some records or documents were rejected",
    REFUSED: "refused by a gate: nothing takes another's place",
    UNWELL: "what was looked at has a problem, or does not run",
}
"""Meanings by code; above 128 the number of a signal is added."""
