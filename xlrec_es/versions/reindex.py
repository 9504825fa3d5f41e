"""Bring a version into another one behind the alias, while people read and write.

    create -> copy -> catch up, in rounds -> verify -> block writes -> last round -> swap

Whatever fails leaves the alias where it is. What has been reached is noted in the new version's
`_meta.xlrec.source`, so that the same command goes on after a crash.

Documents come as a transform makes them. By itself it copies them with their vectors; its twin,
`ingest.versions.reindex`, has it encode them again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.cluster.routings import check_kept_apart
from xlrec_es.errors import GateFailed, IndexUnusable
from xlrec_es.index import final_pipeline
from xlrec_es.index.live_index import (
    LiveIndex,
    check_adds_nothing,
    find_live,
    take_languages,
    take_learned,
    update_meta,
)
from xlrec_es.index.meta import IndexMeta
from xlrec_es.index.source_check import check_source, check_values
from xlrec_es.recommend.options import SPARSE
from xlrec_es.versions import creation, gate_checks, gate_search, swap_note, write_block
from xlrec_es.versions.aliases import AliasChange, plan_swap
from xlrec_es.versions.catch_up import CatchUp, CatchUpReport
from xlrec_es.versions.copier import Copier, Transform
from xlrec_es.versions.creation import NewVersion
from xlrec_es.versions.gate_checks import Check
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import Version, Versions

_NOTE = "reindex"
COMMAND = "reindex"
"""Who moves the alias, in the note of that."""

Observe = Callable[[str, int], None]
"""Is told what is being done, and how many documents so far."""


@dataclass(frozen=True, slots=True)
class ReindexPlan:
    """What is to be done.

    Attributes:
        versions: What there was when it was planned.
        live: The version that is copied.
        new: The one that is made.
        swap: What puts it behind the alias, as of that look: whoever moves the alias meanwhile
            makes the copy useless.
        exists: Whether an earlier attempt has made it.
        moved: Whether that has moved the alias too, so that there is but its end to come.
    """

    versions: Versions
    live: Version
    new: NewVersion
    swap: AliasChange
    exists: bool
    moved: bool = False


@dataclass(frozen=True, slots=True)
class ReindexReport(CatchUpReport):
    """What was done: `index` is the new version, of `source`.

    Attributes:
        unchanged: Documents that an earlier attempt had written.
        refused: Why a document could not be written, by id.
        rounds: How many documents each round had.
        checks: What the gate found.
        swapped: Whether the new version is live.
    """

    unchanged: int
    refused: Mapping[str, str]
    rounds: tuple[int, ...]
    checks: tuple[Check, ...]
    swapped: bool


def plan(
    versions: Versions,
    *,
    changes: Mapping[str, Any] | None = None,
    meta: IndexMeta | None = None,
) -> ReindexPlan:
    """Find what an earlier attempt has made, or plan a new version.

    Args:
        versions: What there is.
        changes: `settings` and `mappings` that win over those of the live version.
        meta: What makes the new version's vectors; None: they are copied.

    Raises:
        IndexUnusable: Nothing is live; or it does not give back all that was written into it; or an
            earlier attempt wanted something else; or the alias has a filter or a routing.
        NotAnXlrecIndex: No `meta`, and this program did not make the live version.
    """
    if (ended := _moved(versions, changes, meta)) is not None:
        return ended
    live = versions.live
    if live is None and not versions.is_concrete:
        raise IndexUnusable(f"no version of {versions.name} is live, so there is none to copy")
    source = live or versions.named(versions.name)
    check_adds_nothing(versions.name, source.index, source.aliases)
    meta = meta or source.described().meta
    check_source(source.index, source.body)
    note = {"from": source.index, "uuid": source.body["settings"]["index.uuid"], "changes": changes}
    meta = replace(meta, source={**meta.source, _NOTE: note})
    new = creation.plan_version(versions, source, meta=meta)
    new = NewVersion(new.index, _noted(merged(new.body, changes or {})))
    left = unfinished(versions)
    if left is not None:
        if not _is_wanted(left, meta, changes):
            raise IndexUnusable(
                f"{left.index} is left of an earlier reindex that wanted something else; go on "
                f"with its options, or delete it first: DELETE {left.index}"
            )
        new = NewVersion(left.index, left.body)
    swap = plan_swap(versions, Version(new.index, None, body=new.body))
    return ReindexPlan(versions, source, new, swap, exists=left is not None)


def unfinished(versions: Versions) -> Version | None:
    """What an earlier attempt to copy the live version has left."""
    if versions.live is None:
        return None
    uuid = versions.live.body["settings"]["index.uuid"]
    for version in reversed(versions.found):
        if version.is_ours and not version.aliases:
            note = version.described().meta.source.get(_NOTE) or {}
            if note.get("uuid") == uuid and not swap_note.was_live(version):
                return version
    return None


def _is_wanted(made: Version, meta: IndexMeta, changes: Mapping[str, Any] | None) -> bool:
    """Whether an earlier attempt wanted the same vectors and changes."""
    found = made.described().meta
    same_changes = (found.source.get(_NOTE) or {}).get("changes") == changes
    return found.fingerprint == meta.fingerprint and same_changes


def _moved(
    versions: Versions, changes: Mapping[str, Any] | None, meta: IndexMeta | None
) -> ReindexPlan | None:
    """The plan of an earlier attempt that had moved the alias, and wanted the same."""
    moved = swap_note.moved_by(versions, COMMAND)
    if not moved or not _is_wanted(moved[0], meta or moved[0].described().meta, changes):
        return None
    new, left, _ = moved
    swap = AliasChange(versions.name, (), left.index, new.index)
    return ReindexPlan(versions, left, NewVersion(new.index, new.body), swap, True, moved=True)


def merged(body: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with the changes, object by object."""
    made = dict(body)
    for name, value in changes.items():
        inner = made.get(name)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        if name == "index_options" and both and "type" in value:
            both = False  # each type has options of its own
        made[name] = merged(inner, value) if both else value  # type: ignore[arg-type]
    return made


def _noted(body: dict[str, Any]) -> dict[str, Any]:
    """The body, whose `_meta` says which analyzers its texts have and how it is to be refreshed."""
    texts = body["mappings"]["properties"]["xlrec"]["properties"]["text"]["properties"]
    settings = body["settings"]  # in any of the forms that Elasticsearch takes
    flat = settings.get("refresh_interval") or settings.get("index.refresh_interval")
    own = {
        "analyzers": {language: text["analyzer"] for language, text in texts.items()},
        "source": {_NOTE: {"refresh_interval": flat or settings["index"].get("refresh_interval")}},
    }
    return merged(body, {"mappings": {"_meta": {"xlrec": own}}})


@dataclass(slots=True)
class Reindexer:
    """Carries a plan out.

    Attributes:
        client: Of the cluster.
        plan: What is to be done.
        transform: Makes the new documents.
        limits: Of the gate.
        more_checks: Look at what this module knows nothing of; are given the new version.
        observe: Is told how far it is.
    """

    client: Elasticsearch
    plan: ReindexPlan
    transform: Transform
    limits: Limits = field(default_factory=Limits)
    more_checks: list[Callable[[LiveIndex], Sequence[Check]]] = field(default_factory=list)
    observe: Observe = lambda _phase, _count: None
    _target: LiveIndex = field(init=False)
    _copier: Copier = field(init=False)
    _catch_up: CatchUp = field(init=False)
    _phase: str = "copy"

    def run(self, *, swap: bool = True) -> ReindexReport:
        """Do it, or go on with it.

        Args:
            swap: Whether to put the new version behind the alias when it is verified.

        Raises:
            IndexUnusable: The live version does not give back all that it is searched by; or the
                new one has no room for documents of one id.
            GateFailed: The new version is not good enough; the alias is where it was.
            AliasMoved: Somebody else moved the alias meanwhile.
            ClusterError: The cluster does not answer, or refuses.
        """
        start = time.monotonic()
        if self.plan.moved:
            return self._end()
        self._open()
        with final_pipeline.passed_by(self.client, self._target.name):
            self._fill()
            checks = self._verify()
            if swap:
                checks = self._swap(checks)
        tally = self._copier.tally
        return ReindexReport(
            **asdict(self._catch_up.report(start)),
            unchanged=tally.unchanged,
            refused=dict(tally.refused),
            rounds=tuple(self._catch_up.rounds),
            checks=tuple(checks),
            swapped=swap,
        )

    def _end(self) -> ReindexReport:
        """What was left to do of an attempt that had moved the alias."""
        swap_note.end(self.client, self.plan.new.index, self.plan.live)
        index, left = self.plan.new.index, self.plan.live.index
        done = CatchUpReport(index, left, copied=0, deleted=0, blocked_s=0.0, seconds=0.0)
        return ReindexReport(
            **asdict(done), unchanged=0, refused={}, rounds=(), checks=(), swapped=True
        )

    def _open(self) -> None:
        """Make the new version, or mend what an earlier attempt has left."""
        new, live = self.plan.new, self.plan.live
        check_values(self.client, live.index, live.body)
        write_block.take_off_left(self.client, live, self.plan.versions.previous)
        if not self.plan.exists:
            creation.create(self.client, new)
        self._target = LiveIndex(new.index, new.meta)
        if self._note().get("started") is None:
            self._check_room()
        self._copier = Copier(
            self.client,
            live.index,
            new.index,
            transform=self.transform,
            observe=lambda tally: self.observe(self._phase, tally.copied + tally.unchanged),
        )
        self._catch_up = CatchUp(
            self.client,
            self._copier,
            before_copying=self._take_notes,
            after_copying=self._remember_round,
        )
        self._refresh_every("-1")  # nobody searches it yet, and larger segments are less work

    def _check_room(self) -> None:
        """See that the new version has room for every document; it has none yet."""
        try:
            check_kept_apart(self.client, self.plan.live.index, self._target.name)
        except IndexUnusable:
            with friendly_errors(self.client):
                self.client.indices.delete(index=self._target.name)
            raise

    def _fill(self) -> None:
        """Copy all, then what came meanwhile, until little comes."""
        done = self._note().get("done")
        started = self._note().get("started")
        if started is None:
            self._remember(started=self._copier.checkpoint())
        elif done is None:
            missing = self._copier.copy_missing()
            # A document that was deleted and made again may have the version that it had before.
            self._catch_up.done = started
            self._catch_up.next_round()
            self._catch_up.rounds[0] += missing
        else:
            self._catch_up.done = done
            self._phase = "catch up"
        self._catch_up.until_few(at_least=2)
        self._copier.remove_deleted()
        self._refresh_every(self._note()["refresh_interval"])

    def _refresh_every(self, interval: str | None) -> None:
        with friendly_errors(self.client):
            self.client.indices.put_settings(
                index=self._target.name, settings={"index.refresh_interval": interval}
            )

    def _remember_round(self, done: Mapping[str, int]) -> None:
        if not self._copier.tally.refused:  # which whoever goes on after a kill is to try again
            self._remember(done=done)
        self._phase = "catch up"

    def _take_notes(self) -> None:
        """Have what the live version notes of the documents to come: it may be newer than the plan.

        That is a text field for each language, how associations were learned, and what `tune` found
        for them.
        """
        if not self.plan.live.is_ours:
            return
        theirs = find_live(self.client, self.plan.live.index).meta
        target = take_languages(self.client, self._target, theirs)
        target = take_learned(self.client, target, theirs)
        if theirs.tuning != target.meta.tuning:
            tuned = replace(
                target.meta,
                weights=usable_weights(theirs.weights, has_sparse=target.has_sparse),
                options=theirs.options,
                tuning=theirs.tuning,
            )
            target = update_meta(self.client, target, tuned)
        self._target = target

    def _verify(self) -> list[Check]:
        """Everything but the counts, which hold still when nobody writes.

        Raises:
            GateFailed: One is not good enough.
        """
        # As it is now: what was learned since the plan decides what both recommend.
        live = find_live(self.client, self.plan.live.index) if self.plan.live.is_ours else None
        self._phase = "verify"
        self.observe(self._phase, self._copier.tally.copied)
        scan.make_visible(self.client, self._target.name)
        checks = [
            *gate_checks.check_vectors(
                self.client, self.plan.live.index, self._target, self.limits
            ),
            gate_checks.check_fields(self.client, self.plan.live.index, self._target.name),
            gate_search.check_search(self.client, self.plan.live.index, self._target.name),
            gate_checks.check_analyzers(self.client, live, self._target),
            *(check for look in self.more_checks for check in look(self._target)),
        ]
        if live:
            checks.append(gate_checks.check_overlap(self.client, live, self._target, self.limits))
        self._must_be_good(checks)
        return checks

    def _swap(self, checks: Sequence[Check]) -> list[Check]:
        """The last round, the counts, and the alias; all checks."""
        self._catch_up.next_round()  # what came while it was verified
        with self._catch_up.last_round():
            self._copier.remove_deleted()
            counts = gate_checks.check_counts(
                self.client, self.plan.live.index, self._target.name, self.limits
            )
            checks = [counts, *checks]
            self._must_be_good(checks)
            same = self._same_documents()
            swap_note.move_alias(self.client, self.plan.swap, same=same, by=COMMAND)
        swap_note.end(self.client, self._target.name)
        return checks

    def _same_documents(self) -> bool:
        """Whether nothing was left out; what was deleted since is left in neither."""
        counts = {self._copier.count(index) for index in (self.plan.live.index, self._target.name)}
        return len(counts) == 1 and not self._copier.tally.refused

    def _must_be_good(self, checks: Sequence[Check]) -> None:
        failed = [check for check in checks if not check.ok]
        if failed:
            what = "; ".join(f"{check.name}: {check.message}" for check in failed)
            raise GateFailed(
                f"{self._target.name} does not take the place of {self.plan.live.index}, which is "
                f"as it was: {what}{self._example_of_refusal()}",
                checks=checks,
            )

    def _example_of_refusal(self) -> str:
        refused = self._copier.tally.refused
        if not refused:
            return ""
        id_, reason = next(iter(refused.items()))
        return f". {len(refused)} documents could not be written, such as {id_!r}: {reason}"

    def _note(self) -> dict[str, Any]:
        return dict(self._target.meta.source.get(_NOTE) or {})

    def _remember(self, **what: object) -> None:
        source = {**self._target.meta.source, _NOTE: {**self._note(), **what}}
        self._target = update_meta(
            self.client, self._target, replace(self._target.meta, source=source)
        )


def usable_weights(weights: Mapping[str, float], *, has_sparse: bool) -> Mapping[str, float]:
    """The weights of a version without that of a retriever which another one does not have."""
    if has_sparse:
        return weights
    return {retriever: weight for retriever, weight in weights.items() if retriever != SPARSE}
