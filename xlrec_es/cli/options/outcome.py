"""How commands end: what their exit codes mean, and which form their JSON has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from xlrec_es.cli.options.terminal import echo
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

SCHEMA_VERSION = 1
"""Of what `--json` prints: it rises when a key goes or changes its meaning, not when one comes."""


def versioned(found: Mapping[str, Any]) -> dict[str, Any]:
    """An output of `--json`, with the version of its form in front."""
    return {"schema_version": SCHEMA_VERSION, **found}


def print_json(found: Mapping[str, Any]) -> None:
    """Print an output of `--json`; numbers that are none are null."""
    echo(orjson.dumps(versioned(found), option=orjson.OPT_INDENT_2))
