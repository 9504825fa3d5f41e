"""What `index reindex` and `reencode` have in common, and how vectors are indexed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xlrec_es import exact_json
from xlrec_es.cli.options.shared import (
    dry_run_option,
    json_option,
    quiet_option,
    write_to_option,
)
from xlrec_es.cli.options.values import NumberRange
from xlrec_es.errors import ConfigError, InvalidJson
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.mapping import vector_options
from xlrec_es.vectors.vector_index import DEFAULT, QUANTIZATIONS, STRUCTURES, VectorIndex
from xlrec_es.versions.gate_limits import Limits

if TYPE_CHECKING:
    from xlrec_es.versions.inventory import Versions

F = TypeVar("F", bound=Callable[..., Any])
_DEFAULTS = Limits()


@dataclasses.dataclass(frozen=True, slots=True)
class How:
    """The options that every kind of reindex has.

    Attributes:
        changes: `settings` and `mappings` that win.
        limits: Of the gate.
        interactions: File of interactions that both versions are evaluated on; None: neither is.
        max_loss: Recall that may be lost in that, if statistically significant.
        swap: Whether the new version becomes the live one.
        dry_run: Print what would be done.
        as_json: Print JSON.
        quiet: Show no progress.
        write_to: Index that the gate's decision is added to; None: to none.
        vectors: How vectors are indexed, by attribute of `VectorIndex`, as far as it changes.
    """

    changes: dict[str, Any]
    limits: Limits
    interactions: Path | None
    max_loss: float
    swap: bool
    dry_run: bool
    as_json: bool
    quiet: bool
    write_to: str | None = None
    vectors: dict[str, Any] = dataclasses.field(default_factory=dict)

    def of(self, versions: Versions, dims: int | None = None) -> How:
        """The same with what is changed of how vectors are indexed among the changes.

        Args:
            versions: What there is; the active one's vectors are indexed in some way.
            dims: Of the new version's vectors; None for those of the active one.

        Raises:
            ConfigError: Vectors of so many dimensions are not indexed so.
        """
        from xlrec_es.versions.reindex import merged  # slow to import

        live = versions.named(versions.name) if versions.is_concrete else versions.live
        if not self.vectors or live is None:
            return self
        mappings = live.body["mappings"]
        dims = dims or live.described().meta.fingerprint.dims
        has = VectorIndex.of(vector_options(mappings) or {}) or DEFAULT
        field = {"index_options": has.changed(self.vectors).options(dims)}
        theirs = self.changes.get("mappings", {})
        own = {"properties": {OWN_FIELD: {"properties": {"embedding": field}}}}
        return dataclasses.replace(self, changes={**self.changes, "mappings": merged(theirs, own)})


def vector_index_options(command: F) -> F:
    """Give a command the options of how vectors are indexed; it receives them as `vectors`.

    What was not given is not in it.
    """

    @click.option(
        "--quantization",
        type=click.Choice(QUANTIZATIONS),
        help="What of a vector is kept in memory: 8, 4 or 1 bit (bbq) of each number, or all 32. "
        "With int4 and bbq the best are compared again by all 32.",
        show_default="that of the index; of a new one int8",
    )
    @click.option(
        "--vector-index",
        "structure",
        type=click.Choice(STRUCTURES),
        help="How vectors are searched: by a graph, or, for small indices, all of them.",
        show_default="that of the index; of a new one hnsw",
    )
    @click.option(
        "--hnsw-m",
        "m",
        type=click.IntRange(2, 512),
        metavar="N",
        help="Neighbors of a vector in the graph; more find more and take more memory.",
        show_default="that of the index; of a new one 16",
    )
    @click.option(
        "--ef-construction",
        type=click.IntRange(2, 3200),
        metavar="N",
        help="Candidates for these neighbors; more find more and make indexing slower.",
        show_default="that of the index; of a new one 100",
    )
    @click.option(
        "--oversample",
        type=NumberRange(1, 10),
        metavar="NUMBER",
        help="Vectors compared again by all their bits, as a multiple of those searched for.",
        show_default="2 for int4, 3 for bbq, none for int8",
    )
    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the command declares
        names = [one.name for one in dataclasses.fields(VectorIndex)]
        given = {name: value for name in names if (value := kwargs.pop(name)) is not None}
        DEFAULT.changed(given)  # refuses those that contradict each other, before any work
        return command(*args, vectors=given, **kwargs)

    return wrapper  # type: ignore[return-value]


def reindex_options(overlap: float) -> Callable[[F], F]:
    """Give a command the options of a reindex; it receives them as `how`.

    Args:
        overlap: The default limit of that check.
    """

    def decorate(command: F) -> F:
        @click.option(
            "--shards", type=click.IntRange(min=1), metavar="N", help="Number of primary shards."
        )
        @click.option(
            "--replicas", type=click.IntRange(min=0), metavar="N", help="Number of replicas."
        )
        @click.option(
            "--changes",
            "changes_file",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="JSON file with an object of settings and mappings that replace those of the "
            "active version.",
        )
        @click.option(
            "--min-recall",
            type=NumberRange(0, 1),
            default=_DEFAULTS.recall,
            show_default=True,
            metavar="FRACTION",
            help="Gate: smallest recall@10 of the approximate against the exact search, in each "
            "language.",
        )
        @click.option(
            "--min-overlap",
            type=NumberRange(0, 1),
            default=overlap,
            show_default=True,
            metavar="FRACTION",
            help="Gate: smallest part of sampled recommendations that stay the same.",
        )
        @click.option(
            "--max-missing",
            type=NumberRange(0, 1),
            default=_DEFAULTS.missing,
            show_default=True,
            metavar="FRACTION",
            help="Gate: largest part of a language's documents that may be missing.",
        )
        @click.option(
            "--interactions",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="Gate: file of interactions, as for evaluate, to evaluate both versions on.",
        )
        @click.option(
            "--max-loss",
            type=NumberRange(0, 1),
            default=0.0,
            show_default=True,
            metavar="FRACTION",
            help="Gate: largest loss of recall in that evaluation, if statistically significant.",
        )
        @vector_index_options
        @click.option("--no-swap", is_flag=True, help="Leave the alias on the active version.")
        @write_to_option
        @dry_run_option
        @quiet_option
        @json_option
        @functools.wraps(command)
        def wrapper(
            *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
            shards: int | None,
            replicas: int | None,
            changes_file: Path | None,
            min_recall: float,
            min_overlap: float,
            max_missing: float,
            interactions: Path | None,
            max_loss: float,
            no_swap: bool,
            write_to: str | None,
            dry_run: bool,
            quiet: bool,
            as_json: bool,
            vectors: dict[str, Any],
            **kwargs: Any,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            changes = _changes(shards, replicas, changes_file)
            limits = Limits(missing=max_missing, recall=min_recall, overlap=min_overlap)
            how = How(
                changes=changes,
                limits=limits,
                interactions=interactions,
                max_loss=max_loss,
                swap=not no_swap,
                dry_run=dry_run,
                as_json=as_json,
                quiet=quiet,
                write_to=write_to,
                vectors=vectors,
            )
            return command(*args, how=how, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorate


def _are_changes(found: object) -> bool:
    """Whether it is an object of settings and mappings."""
    if not isinstance(found, dict) or found.keys() - {"settings", "mappings"}:
        return False
    settings = found.get("settings", {})
    return (
        isinstance(found.get("mappings", {}), dict)
        and isinstance(settings, dict)
        and isinstance(settings.get("index", {}), dict)
    )


def _changes(shards: int | None, replicas: int | None, file: Path | None) -> dict[str, Any]:
    try:
        content = file.read_bytes() if file else b"{}"
        changes: dict[str, Any] = exact_json.loads(content, exact=False)
    except InvalidJson as error:
        raise ConfigError(f"{file} is {error}") from error
    if not _are_changes(changes):
        raise ConfigError(f"{file} must be an object of settings and mappings")
    given = {"number_of_shards": shards, "number_of_replicas": replicas}
    numbers = {name: number for name, number in given.items() if number is not None}
    if numbers:
        settings = changes.get("settings", {})
        changes["settings"] = {**settings, "index": {**settings.get("index", {}), **numbers}}
    return changes
