"""Which units are done: noted in an index beside the one that is written, for `--resume`.

A driver that is killed may go on elsewhere, where no file of it is. The index is removed at the end
of the run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import numpy as np
import orjson
from elasticsearch import Elasticsearch

from ingest.on_ray.unit_worker import Hashes, UnitDone
from ingest.on_ray.units import Unit
from ingest.run.checkpoint import BEGIN_ANEW
from xlrec_es.cluster import scan
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import ConfigError

_JOB = "job"
_PART_BYTES = 8 * 1024 * 1024
"""Of rejected records in a document; a larger one goes alone."""
_MAPPINGS: Mapping[str, Any] = {"dynamic": False, "properties": {"unit": {"type": "integer"}}}


@dataclass(frozen=True, slots=True)
class NotedJob:
    """A run that was begun.

    Attributes:
        started_ns: When; see `Task`.
        identity: What must be the same for another run to go on: source, files, fields ...
        units: All of them.
        renews: See `Task`.
        index: Name and id of the physical index; empty until it is there.
    """

    started_ns: int
    identity: Mapping[str, Any]
    units: Sequence[Unit]
    renews: bool
    index: str = ""

    def check(self, identity: Mapping[str, Any], index: str) -> None:
        """See that another run is for the same.

        Args:
            identity: Of the other run.
            index: As the attribute; empty where there is none.

        Raises:
            ConfigError: It is for something else, or the input was changed.
        """
        mine = {**identity, "index": index}
        theirs = {**self.identity, "index": self.index}
        for name in mine.keys() | theirs.keys():
            if mine.get(name) != theirs.get(name):
                raise ConfigError(
                    f"the run that was begun is another one: its {name} is not the same now; "
                    f"{BEGIN_ANEW}"
                )


class UnitNotes:
    """The index of notes.

    Args:
        cluster: Where it is.
        index: The index that is written.
        source: The input of the run.
    """

    def __init__(self, cluster: Cluster, index: str, source: str) -> None:
        digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        self.name = f"{index}-xlrec-units-{digest}"
        self._cluster = cluster

    def load(self) -> NotedJob | None:
        """The run that was begun, if one was and has not come to its end.

        Raises:
            ClusterError: The cluster refuses, or is in trouble for too long.
        """
        client = self._cluster.client

        def get() -> Any:  # noqa: ANN401 - the client's answer
            return (
                client.options(ignore_status=HTTPStatus.NOT_FOUND)
                .get(index=self.name, id=_JOB)
                .body
            )

        stored = self._cluster.patience.call(client, get).get("_source")
        if stored is None:
            return None
        units = [Unit.from_json(one) for one in orjson.loads(stored["units"])]
        identity = orjson.loads(stored["identity"])
        return NotedJob(stored["started_ns"], identity, units, stored["renews"], stored["index"])

    def begin(self, job: NotedJob) -> None:
        """Note a run, in the place of one that was begun before.

        Raises:
            ClusterError: As for `load`.
        """
        self.remove()
        client = self._cluster.client
        self._cluster.patience.call(
            client,
            lambda: client.options(ignore_status=HTTPStatus.BAD_REQUEST).indices.create(
                index=self.name, mappings=_MAPPINGS, settings={"number_of_shards": 1}
            ),
        )
        self.note(job)

    def note(self, job: NotedJob) -> None:
        """Note what is known of a run by now."""
        fields = {
            "started_ns": job.started_ns,
            "identity": orjson.dumps(job.identity).decode(),
            "units": orjson.dumps([unit.as_json() for unit in job.units]).decode(),
            "renews": job.renews,
            "index": job.index,
        }
        self._put(_JOB, fields)

    def done(self, done: UnitDone) -> None:
        """Note that a unit is done; what was noted of it before is replaced.

        Raises:
            ClusterError: As for `load`.
        """
        parts = list(_parts(done.rejects))
        for number, part in enumerate(parts):
            self._put(f"{done.number}-rejects-{number}", {"lines": part.decode()})
        fields = {
            "unit": done.number,
            "summary": orjson.dumps(done.summary).decode(),
            "counts": orjson.dumps(done.counts).decode(),
            "deletions": orjson.dumps(done.deletions).decode(),
            "passed": base64.b64encode(done.passed.tobytes()).decode(),
            "written": base64.b64encode(done.written.tobytes()).decode(),
            "doomed": base64.b64encode(done.doomed.tobytes()).decode(),
            "rejects": len(parts),
        }
        self._put(str(done.number), fields)

    def all_done(self) -> Iterator[UnitDone]:
        """The units that are done.

        Raises:
            ClusterError: As for `load`.
        """
        client = self._cluster.client
        scan.make_visible(client, self.name)
        body = {"query": {"exists": {"field": "unit"}}}
        for hits in scan.pages(client, self.name, body, page=20):
            for hit in hits:
                stored = hit["_source"]
                lines = [
                    self._get(client, f"{stored['unit']}-rejects-{number}")["lines"].encode()
                    for number in range(stored["rejects"])
                ]
                yield UnitDone(
                    stored["unit"],
                    orjson.loads(stored["summary"]),
                    orjson.loads(stored["counts"]),
                    b"".join(lines),
                    tuple(map(tuple, orjson.loads(stored["deletions"]))),
                    _hashes(stored["passed"]),
                    _hashes(stored["written"]),
                    _hashes(stored["doomed"]),
                )

    def remove(self) -> None:
        """The run has come to its end.

        Raises:
            ClusterError: As for `load`.
        """
        client = self._cluster.client
        self._cluster.patience.call(
            client, lambda: client.indices.delete(index=self.name, ignore_unavailable=True)
        )

    def _get(self, client: Elasticsearch, id_: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._cluster.patience.call(
            client, lambda: client.get(index=self.name, id=id_).body
        )["_source"]
        return found

    def _put(self, id_: str, fields: Mapping[str, Any]) -> None:
        client = self._cluster.client
        self._cluster.patience.call(
            client, lambda: client.index(index=self.name, id=id_, document=fields)
        )


def _hashes(stored: str) -> Hashes:
    return np.frombuffer(base64.b64decode(stored), np.uint64)


def _parts(lines: bytes) -> Iterator[bytes]:
    """Whole lines, so many at a time that a request may have."""
    part = b""
    for line in lines.splitlines(keepends=True):
        if part and len(part) + len(line) > _PART_BYTES:
            yield part
            part = b""
        part += line
    if part:
        yield part
