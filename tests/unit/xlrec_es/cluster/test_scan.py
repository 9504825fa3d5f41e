"""How far the copies of an index are, as they come out without Elasticsearch."""

from __future__ import annotations

from typing import Any, cast

import pytest
from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.errors import ClusterError


class Stats:
    """A client whose `indices.stats` gives one answer after the other: of a primary, by shard."""

    def __init__(self, *answers: dict[str, tuple[int, int, int]]) -> None:
        self.answers = list(answers)
        self.indices = self
        self.transport = Elasticsearch("http://127.0.0.1:1").transport

    def stats(self, **_: object) -> dict[str, Any]:
        now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        names = ("max_seq_no", "local_checkpoint", "global_checkpoint")
        shards = {
            number: [
                {"routing": {"primary": False}, "seq_no": dict.fromkeys(names, 99)},
                {"routing": {"primary": True}, "seq_no": dict(zip(names, one, strict=True))},
            ]
            for number, one in now.items()
        }
        return {"indices": {"shop": {"shards": shards}}}


def client(*answers: dict[str, tuple[int, int, int]]) -> Elasticsearch:
    return cast("Elasticsearch", Stats(*answers))


def test_what_every_copy_has_is_done() -> None:
    found = scan.operations_done(client({"0": (12, 10, 7), "1": (-1, -1, -1)}), "shop")
    assert found == {"0": 7, "1": -1}


def test_copies_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(scan.time, "sleep", pauses.append)
    scan.wait_for_copies(
        client({"0": (12, 10, 7)}, {"0": (12, 12, 11)}, {"0": (12, 12, 12)}), "shop"
    )
    assert len(pauses) == 2
    monkeypatch.setattr(scan, "_COPIES_S", -1.0)
    with pytest.raises(ClusterError, match=r"not every copy of shop has .* \(shard 1\)"):
        scan.wait_for_copies(client({"0": (3, 3, 3), "1": (12, 12, 7)}), "shop")
