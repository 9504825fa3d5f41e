"""The file that says up to where a run is settled, and what else may be found in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.run.checkpoint import Checkpoint, State
from xlrec_es.errors import ConfigError

STATE = State(3, 10, digest="of three records")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"[" * 5000,
        b"[]",
        b'{"identity": [], "state": {}}',
        b'{"identity": {}, "state": {"position": "3"}}',
        b'{"identity": {}, "state": {"position": -1}}',
        b'{"identity": {}, "state": {"position": true}}',
        b'{"identity": {}, "state": {"position": 123456789012345678901}}',
        b'{"identity": {}, "state": {"counts": {}}}',
        b'{"identity": {}, "state": {"counts": null}}',
        b'{"identity": {}, "state": {"rejects_size": 1.5}}',
        b'{"identity": {}, "state": {"more": 1}}',
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint"
    Checkpoint(path).save(STATE)
    assert Checkpoint(path).load() == STATE
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cannot be read .*; run without --resume"):
        Checkpoint(path).load()
