"""Go back to the version that was live before, and take along what was written since.

    catch up, in rounds -> block writes -> last round -> alias

It is a reindex in the other direction, of few documents: those whose operation (`_seq_no`) came
after the swap. Another encoder's vectors are of no use to the older version, which has its own for
every text that is still the same. A text that changed since has none there without the encoder. The
twin that brings the encoder along is `ingest.versions.rollback`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.routings import check_kept_apart
from xlrec_es.cluster.scan import Hit, key_of, pages, whole_source
from xlrec_es.errors import IndexUnusable
from xlrec_es.index import final_pipeline
from xlrec_es.index.fields import OF_PICTURE
from xlrec_es.index.live_index import (
    LiveIndex,
    adds_something,
    find_live,
    take_languages,
    take_learned,
)
from xlrec_es.index.source_check import check_source, check_values
from xlrec_es.versions import swap_note, write_block
from xlrec_es.versions.aliases import AliasChange, plan_rollback
from xlrec_es.versions.catch_up import CatchUp, CatchUpReport
from xlrec_es.versions.copier import Copier, Transform, copied_as_is, packed_source
from xlrec_es.versions.inventory import Version, Versions
from xlrec_es.versions.swap_note import Note

COMMAND = "rollback"
"""Who moves the alias, in the note of that."""
_VECTOR = ("embedding", "sparse", "fingerprint")
_OF_VECTOR = (*_VECTOR, "content_hash")  # without which the next run encodes the document


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What is to be done.

    Attributes:
        live: The version that is left.
        previous: The one that is gone back to.
        note: From where on the live one has writes that the other lacks.
        change: Of the alias.
        moved: Whether an attempt that was killed moved it, so that there is but its end to come.
    """

    live: Version
    previous: Version
    note: Note
    change: AliasChange
    moved: bool = False


@dataclass(frozen=True, slots=True)
class RollbackReport(CatchUpReport):
    """What was done: `index` is live now, `source` was.

    Attributes:
        without_vector: Of the documents taken along, how many wait for the next run to be encoded.
        deletions: Whether what was deleted since is known, and so was removed. It is not where the
            two never had the same documents: one that is missing may never have been there.
    """

    without_vector: int
    deletions: bool


def plan(versions: Versions) -> RollbackPlan:
    """Find out what there is to go back to, and from where on to catch up.

    Raises:
        IndexUnusable: There is no previous version, or what was written since is not known, or not
            given back whole; or the alias has a filter or a routing.
    """
    if moved := swap_note.moved_by(versions, COMMAND):
        target, left, noted = moved
        change = AliasChange(versions.name, (), left.index, target.index)
        return RollbackPlan(left, target, noted, change, moved=True)
    change = plan_rollback(versions)
    live, previous = versions.live, versions.previous
    if live is not None and adds_something(versions.name, live.index, live.aliases):
        raise IndexUnusable(
            f"the alias {versions.name} has a filter or a routing, which what is taken along would "
            "not keep to; to go back all the same, with both as they are: "
            f"xlrec-es index rollback {versions.name} --without-catching-up"
        )
    note = swap_note.read_note(live, previous) if live and previous else None
    if live is None or previous is None or note is None or not previous.is_ours:
        raise IndexUnusable(
            f"what was written to {change.live} since it took the place of {change.target} is not "
            "known, so it cannot be taken along; to go back all the same, and write it again: "
            f"xlrec-es index rollback {versions.name} --without-catching-up"
        )
    if previous.is_blocked and not write_block.was_left(previous.body):
        raise IndexUnusable(
            f"{previous.index} takes no writes (index.blocks.write), so what was written since "
            "cannot be taken along; take the block off, or give --without-catching-up"
        )
    check_source(live.index, live.body)
    return RollbackPlan(live, previous, note, change)


class OwnVectors:
    """A transform of `copier`: the user's fields of the one version, the other's vectors.

    A document keeps the vector that the other version has of it if that is of the same text. It
    loses its vector if not: it is still found by its words and by what people liked, and the next
    run encodes it.

    Args:
        client: Of the cluster.
        index: The version that the documents are for.
        packed: Whether the server takes vectors as Base64.

    Attributes:
        without_vector: The documents that had one and have none now; see `scan.key_of`.
    """

    def __init__(self, client: Elasticsearch, index: str, *, packed: bool) -> None:
        self._client = client
        self._index = index
        self._packed = packed
        whole = whole_source(client)
        self._asked = {"includes": ["xlrec"], **(whole if isinstance(whole, dict) else {})}
        self.without_vector: set[tuple[str, str | None]] = set()

    def __call__(self, hits: Sequence[Hit]) -> list[Mapping[str, Any] | str]:
        """The documents as the other version is to have them."""
        ids = [hit["_id"] for hit in hits if "embedding" in _own(hit)]
        query = {"ids": {"values": ids}}
        body = {"_source": self._asked, "query": query}
        found = pages(self._client, self._index, body) if ids else iter(())
        theirs = {key_of(hit): _own(hit) for page in found for hit in page}
        return [self._document(hit, theirs.get(key_of(hit), {})) for hit in hits]

    def _document(self, hit: Hit, theirs: Mapping[str, Any]) -> Mapping[str, Any]:
        source, own = hit["_source"], _own(hit)
        self.without_vector.discard(key_of(hit))
        if "embedding" not in own:
            return source  # type: ignore[no-any-return]
        if "embedding" in theirs and _same_text(own, theirs):
            taken = {name: theirs[name] for name in (*_VECTOR, "text") if name in theirs}
            # Sparse weights of the one model beside a vector of the other would be of neither.
            kept = {name: value for name, value in own.items() if name not in _VECTOR}
            made = {**source, "xlrec": {**kept, **taken}}
            return packed_source(made) if self._packed else made
        self.without_vector.add(key_of(hit))
        left = {name: value for name, value in own.items() if name not in _OF_VECTOR}
        return {**source, "xlrec": left}


def _without_pictures(transform: Transform) -> Transform:
    """The same without pictures' vectors, for a version that has none, or those of another model.

    A run with --image gives that version its own.
    """

    def without(hits: Sequence[Hit]) -> list[Mapping[str, Any] | str]:
        return [made if isinstance(made, str) else left(made) for made in transform(hits)]

    def left(source: Mapping[str, Any]) -> Mapping[str, Any]:
        if "xlrec" not in source:
            return source
        own = {name: one for name, one in source["xlrec"].items() if name not in OF_PICTURE}
        return {**source, "xlrec": own}

    return without


def _own(hit: Hit) -> Mapping[str, Any]:
    return hit["_source"].get("xlrec") or {}


def _same_text(own: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether two versions have the same text, or made theirs of the same fields."""
    hashes = own.get("content_hash"), theirs.get("content_hash")
    return own.get("text") == theirs.get("text") or (hashes[0] == hashes[1] and None not in hashes)


@dataclass(slots=True)
class Rollback:
    """Carries a plan out.

    Attributes:
        client: Of the cluster.
        plan: What is to be done.
        packed: Whether the server takes vectors as Base64.
        transform: Makes the documents, with the encoder of the version gone back to; None: without
            an encoder, see `OwnVectors`.
        observe: Is told how far it is.
    """

    client: Elasticsearch
    plan: RollbackPlan
    packed: bool
    transform: Transform | None = None
    observe: Callable[[str, int], None] = lambda _phase, _count: None
    _catch_up: CatchUp = field(init=False)
    _target: LiveIndex = field(init=False)

    def run(self) -> RollbackReport:
        """Do it, or go on with it; whatever fails leaves the alias where it is.

        Raises:
            IndexUnusable: The previous version refuses a document, or has no room for it.
            AliasMoved: Somebody else moved the alias meanwhile.
            ClusterError: The cluster does not answer, or refuses.
        """
        if self.plan.moved:
            return self._end()
        start = time.monotonic()
        previous, note = self.plan.previous, self.plan.note
        own = OwnVectors(self.client, previous.index, packed=self.packed)
        self._open(own)
        with final_pipeline.passed_by(self.client, previous.index):
            self._catch_up.until_few()
            self._must_be_whole()
            with self._catch_up.last_round():
                self._must_be_whole()
                swap_note.move_alias(self.client, self.plan.change, same=note.same, by=COMMAND)
        swap_note.end(self.client, previous.index)
        return RollbackReport(
            **asdict(self._catch_up.report(start)),
            without_vector=len(own.without_vector),
            deletions=note.same,
        )

    def _end(self) -> RollbackReport:
        """What was left to do of an attempt that had moved the alias."""
        index, left = self.plan.previous.index, self.plan.live
        swap_note.end(self.client, index, left)
        done = CatchUpReport(index, left.index, copied=0, deleted=0, blocked_s=0.0, seconds=0.0)
        return RollbackReport(**asdict(done), without_vector=0, deletions=self.plan.note.same)

    def _open(self, own: OwnVectors) -> None:
        """Take off a block left behind, and see that what came since fits."""
        check_values(self.client, self.plan.live.index, self.plan.live.body)
        live, previous = self.plan.live.described(), self.plan.previous.described()
        write_block.take_off_left(self.client, self.plan.live, self.plan.previous)
        check_kept_apart(self.client, live.name, previous.name)
        self._target = previous
        fits = live.meta.fingerprint.digest == previous.meta.fingerprint.digest
        without_encoder = copied_as_is(packed=self.packed) if fits else own
        transform = self.transform or without_encoder
        if live.meta.images.get("fingerprint") != previous.meta.images.get("fingerprint"):
            transform = _without_pictures(transform)
        copier = Copier(
            self.client,
            live.name,
            previous.name,
            transform=transform,
            observe=lambda tally: self.observe("catch up", tally.copied),
        )
        self._catch_up = CatchUp(
            self.client, copier, self.plan.note.done, before_copying=self._take_notes
        )
        if self.plan.note.same:
            self._catch_up.after_copying = lambda _done: copier.remove_deleted()

    def _take_notes(self) -> None:
        """Have what the version that is left notes of the documents to come.

        How associations were learned is so only where the two had the same documents: else those
        that are not taken along have others.
        """
        theirs = find_live(self.client, self.plan.live.index).meta
        self._target = take_languages(self.client, self._target, theirs)
        if self.plan.note.same:
            self._target = take_learned(self.client, self._target, theirs)

    def _must_be_whole(self) -> None:
        refused = self._catch_up.copier.tally.refused
        if refused:
            id_, reason = next(iter(refused.items()))
            raise IndexUnusable(
                f"{self.plan.previous.index} does not take {len(refused)} of the documents that "
                f"were written since, such as {id_!r}: {reason}; {self.plan.change.name} is still "
                f"{self.plan.live.index}. To go back without them: xlrec-es index rollback "
                f"{self.plan.change.name} --without-catching-up"
            )
