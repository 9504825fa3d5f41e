"""Complete documents that are there, each under the version that it has.

A partial update raises a document's version, and takes none. Whoever writes an index with versions
of his own (`version_type=external`) would be refused his next one (409), and which indices are
written so cannot be told: a counter's versions look like Elasticsearch's. So a document is read,
and written whole under the same version (`external_gte`, tried on 8.19 and 9.5).

Milliseconds lie between the two. What somebody else writes meanwhile has a higher version, and so
has what he deletes, for a minute (`index.gc_deletes`); neither is written over. What cannot be sent
at once is therefore read again, and not sent again as it was.

A default pipeline has done its work already and is passed by (`_none`). A final one cannot be, so
such an index is refused: see `xlrec_es.index.source_check`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

from elasticsearch import Elasticsearch

from xlrec_es.cluster.bulk import BulkWriter, D, Operation, Refusal, Written
from xlrec_es.cluster.retry import NotReady, Patience
from xlrec_es.cluster.scan import whole_source
from xlrec_es.errors import WriteError
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.hits import routed

_PAGE = 200
_SENT_AGAIN_S = 10.0  # a sixth of the time for which Elasticsearch knows what was deleted
_ATTEMPTS = 5  # where somebody else writes the same document each time
_HEADERS = {"accept": "application/json", "content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Rewrite(Generic[D]):
    """What a document is to be completed with.

    Attributes:
        document: Which.
        fields: Of the object `xlrec`; each takes the place of what is there.
        state: The one state of the document that this is for, as `_seq_no` and `_primary_term`; if
            it is no more, somebody else has written a newer one. None: whatever its state.
        routing: What its shard was chosen by, if not its id.
        gone: Fields of the object `xlrec` that are taken out.
    """

    document: D
    fields: Mapping[str, Any]
    state: tuple[int, int] | None = None
    routing: str | None = None
    gone: frozenset[str] = frozenset()


class Rewriter:
    """Completes documents of one index; several threads may use it at once.

    Args:
        client: Of the cluster.
        index: The physical index.
        writer: Writes into it; None for one of its own.
        patience: How long something is tried again.
    """

    def __init__(
        self,
        client: Elasticsearch,
        index: str,
        *,
        writer: BulkWriter | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._client = client.options(max_retries=0)
        self._index = index
        self._patience = patience or Patience()
        self._writer = writer or BulkWriter(client, index, patience=self._patience)
        # No `filter_path`: it would have the numbers of the documents written again.
        hides_vectors = whole_source(client) is not True
        self._parameters = {"_source_exclude_vectors": "false"} if hides_vectors else {}

    def write(self, rewrites: Iterable[Rewrite[D]]) -> Written[D]:
        """Complete them; what is not named in the answer has been acknowledged.

        Raises:
            WriteError: A request does not get through in the time allowed.
            ClusterError: The index is gone, or the credentials do not allow it.
        """
        written: Written[D] = Written()
        for page in _pages(rewrites):
            written.add(self._settle(page))
        return written

    def _settle(self, rewrites: Sequence[Rewrite[D]]) -> Written[D]:
        settled: Written[D] = Written()
        for _ in range(_ATTEMPTS):
            for attempt in self._patience.retrying(lambda error: isinstance(error, WriteError)):
                with attempt:
                    made = self._made(rewrites)
                    sent = [operation for operation, _ in made if operation.body]
                    written = self._writer.write(sent, patience=self._hurry())
            settled.refused += written.refused
            beaten = {id(operation) for operation in written.superseded}
            late = [(o, r) for o, r in made if not o.body or id(o) in beaten]
            # What is for any state is tried with the new one, unless the document is gone.
            lost = [o for o, r in late if not o.body or r.state is not None]
            settled.superseded += lost
            rewrites = [r for o, r in late if o.body and r.state is None]
            if not rewrites:
                return settled
        reason = f"another program wrote it {_ATTEMPTS} times meanwhile"
        settled.refused += [Refusal(one.document, reason) for one in rewrites]
        return settled

    def _hurry(self) -> Patience:
        return replace(self._patience, retry_s=min(self._patience.retry_s, _SENT_AGAIN_S))

    def _made(self, rewrites: Sequence[Rewrite[D]]) -> list[tuple[Operation[D], Rewrite[D]]]:
        """What is to be sent, of documents as they are now; without a body: nothing."""
        made = []
        for rewrite, stored in zip(rewrites, self._read(rewrites), strict=True):
            operation = Operation(rewrite.document, b"")
            if stored["found"] and rewrite.state in (None, _state(stored)):
                source = stored.get("_source", {})
                own = {**source.get(OWN_FIELD, {}), **rewrite.fields}
                for name in rewrite.gone:
                    own.pop(name, None)
                operation = Operation.index(
                    rewrite.document,
                    {**source, OWN_FIELD: own},
                    version=stored["_version"],
                    version_type="external_gte",
                    pipeline="_none",
                    **routed(rewrite.routing),
                )
            made.append((operation, rewrite))
        return made

    def _read(self, rewrites: Sequence[Rewrite[D]]) -> list[dict[str, Any]]:
        """The documents as they are, those too that no search has seen yet."""
        asked = [{"_id": one.document.id, **routed(one.routing)} for one in rewrites]

        def send() -> list[dict[str, Any]]:
            answer = self._client.perform_request(
                "POST",
                f"/{self._index}/_mget",
                params=self._parameters,
                headers=_HEADERS,
                body={"docs": asked},
            )
            entries: list[dict[str, Any]] = answer.body["docs"]
            for entry in entries:
                if "error" in entry:
                    raise NotReady(entry["error"].get("reason"))
            return entries

        return self._patience.call(self._client, send)


def _pages(rewrites: Iterable[Rewrite[D]]) -> Iterator[list[Rewrite[D]]]:
    """So many that what is read of them at once does not take too much memory."""
    left = iter(rewrites)
    while page := list(itertools.islice(left, _PAGE)):
        yield page


def _state(stored: Mapping[str, Any]) -> tuple[int, int]:
    return stored["_seq_no"], stored["_primary_term"]
