"""What fine-tuning learns from and is measured on: one folder of Parquet files.

    pairs.parquet   two texts that should be near, their works and languages, a weight, and texts
                    that look near and should not be (hard negatives), as many for each or none
    works.parquet   each work's texts by language, how many like it, and which works go with it
    likes.parquet   the likes that were learned from
    cases.parquet   histories and held-out targets (`xlrec_es.evaluate.protocol.Case`)

The folder is all that a machine with a GPU needs; Elasticsearch is not asked again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xlrec_es.errors import SourceError, UsageError
from xlrec_es.evaluate.protocol import Case

CO_ENGAGED, RENDITION, CLICK = "co-engaged", "rendition", "click"

_TEXTS = pa.list_(pa.string())
SCHEMAS = {
    "pairs": pa.schema(
        [
            ("anchor", pa.string()),
            ("positive", pa.string()),
            ("anchor_work", pa.string()),
            ("positive_work", pa.string()),
            ("anchor_language", pa.string()),
            ("positive_language", pa.string()),
            ("kind", pa.string()),
            ("weight", pa.float32()),
            ("negatives", _TEXTS),
            ("negative_works", _TEXTS),
        ]
    ),
    "works": pa.schema(
        [
            ("work", pa.string()),
            ("users", pa.int64()),
            ("languages", _TEXTS),
            ("texts", _TEXTS),
            ("together", pa.list_(pa.int32())),
            ("how_much", pa.list_(pa.float32())),
        ]
    ),
    "likes": pa.schema([("user", pa.string()), ("work", pa.string())]),
    "cases": pa.schema(
        [
            ("user", pa.string()),
            ("source", pa.string()),
            ("history", _TEXTS),
            ("targets", _TEXTS),
            ("seen", _TEXTS),
        ]
    ),
}
_ABOUT = b"xlrec"

LEARNED_FROM = "learned_from"
"""In `TrainingSet.about`: which likes; see `xlrec_es.evaluate.leakage.training_note`."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Texts of works, in order of works.

    Attributes:
        work: Shape (n_documents,): number of each text's work.
        languages: Of each text.
        texts: Without a prefix.
    """

    work: NDArray[np.int64]
    languages: tuple[str, ...]
    texts: tuple[str, ...]

    def by_work(self, n_works: int) -> list[list[tuple[str, str]]]:
        """Language and text of each document of each work."""
        found: list[list[tuple[str, str]]] = [[] for _ in range(n_works)]
        for number, language, text in zip(self.work, self.languages, self.texts, strict=True):
            found[number].append((language, text))
        return found


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """See the module.

    Attributes:
        pairs: With the columns of `SCHEMAS["pairs"]`.
        works: Ids, sorted.
        documents: The works' texts.
        users: Shape (n_works,): how many like each work.
        together: Shape (n_works, n_works), symmetric: how much two works go together; where it is
            not zero, neither is a wrong answer for the other.
        likes: With the columns of `SCHEMAS["likes"]`.
        cases: To be measured on; none if nothing was held out.
        about: Where it came from and how it was made, ready for JSON.
    """

    pairs: pa.Table
    works: tuple[str, ...]
    documents: Documents
    users: NDArray[np.int64]
    together: csr_array
    likes: pa.Table
    cases: tuple[Case, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, int]:
        """Number of each work."""
        return {work: number for number, work in enumerate(self.works)}

    @property
    def languages(self) -> dict[str, tuple[str, ...]]:
        """Of each work."""
        by_work = self.documents.by_work(len(self.works))
        return {
            work: tuple(language for language, _ in own)
            for work, own in zip(self.works, by_work, strict=True)
        }

    @property
    def learned_from(self) -> tuple[Mapping[str, Any], ...]:
        """What a model that is trained on the pairs has learned from, for its card."""
        note = self.about.get(LEARNED_FROM)
        return (note,) if note else ()

    def described(self) -> dict[str, Any]:
        """Where it came from and how it was made, for people."""
        return {k: v for k, v in self.about.items() if k not in ("interactions", LEARNED_FROM)}

    @property
    def digest(self) -> str:
        """Stands for the pairs, in their order; a run goes on with the same ones only."""
        digest = hashlib.sha256()
        for batch in self.pairs.combine_chunks().to_batches():
            for column in ("anchor", "positive", "weight", "negatives"):
                digest.update(repr(batch.column(column).to_pylist()).encode())
        return digest.hexdigest()[:16]

    def write(self, folder: Path) -> None:
        """Write the four files; `pairs.parquet` comes last, and so tells that all are there.

        Raises:
            SourceError: They cannot be written.
        """
        tables = {
            "cases": _cases_table(self.cases),
            "likes": self.likes,
            "works": self._works_table(),
            "pairs": self.pairs.replace_schema_metadata({_ABOUT: json.dumps(dict(self.about))}),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "pairs.parquet").unlink(missing_ok=True)
            for name, table in tables.items():
                part = _part(folder, name)
                pyarrow.parquet.write_table(table, part, compression="zstd")
                part.replace(folder / f"{name}.parquet")
        except OSError as error:
            reason = error.strerror or str(error)
            raise SourceError(f"cannot write the pairs to {folder}: {reason}") from error

    def _works_table(self) -> pa.Table:
        by_work = self.documents.by_work(len(self.works))
        rows = [slice(*ends) for ends in pairwise(self.together.indptr)]
        columns = [
            list(self.works),
            self.users,
            [[language for language, _ in own] for own in by_work],
            [[text for _, text in own] for own in by_work],
            [self.together.indices[row] for row in rows],
            [self.together.data[row] for row in rows],
        ]
        schema = SCHEMAS["works"]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        return pa.table(arrays, schema=schema)


def files_in(folder: Path) -> list[Path]:
    """The files that `TrainingSet.write` writes, or has under way."""
    whole = [folder / f"{name}.parquet" for name in SCHEMAS]
    return [*whole, *(_part(folder, name) for name in SCHEMAS)]


def check_free(folder: Path) -> None:
    """See that `TrainingSet.write` takes the place of earlier pairs alone.

    Raises:
        UsageError: A file of the name of one of its own is something else.
    """
    for name, schema in SCHEMAS.items():
        path = folder / f"{name}.parquet"
        if not path.exists():
            continue
        try:
            known = set(pyarrow.parquet.read_schema(path).names)
        except (OSError, pa.ArrowException):
            known = set()
        if set(schema.names) - known:
            raise UsageError(
                f"{path} is there and was not written by xlrec-ingest pairs; name another folder, "
                "or remove the file"
            )


def _part(folder: Path, name: str) -> Path:
    return folder / f"{name}.part"


def read(folder: Path) -> TrainingSet:
    """Read what `TrainingSet.write` wrote.

    Raises:
        SourceError: A file is missing, damaged, or has other columns.
    """
    tables = {name: _read_table(folder, name) for name in SCHEMAS}
    works = tables["works"]
    texts = works.column("texts").combine_chunks()
    sizes = np.array([len(one) for one in texts], np.int64)
    others, how_much = (works.column(name).combine_chunks() for name in ("together", "how_much"))
    entries = (
        how_much.flatten().to_numpy(),
        others.flatten().to_numpy(),
        others.offsets.to_numpy(),
    )
    n = works.num_rows
    pairs = tables["pairs"]
    return TrainingSet(
        pairs=pairs.replace_schema_metadata(None),
        works=tuple(works.column("work").to_pylist()),
        documents=Documents(
            np.repeat(np.arange(n), sizes),
            tuple(works.column("languages").combine_chunks().flatten().to_pylist()),
            tuple(texts.flatten().to_pylist()),
        ),
        users=works.column("users").to_numpy(),
        together=csr_array(entries, shape=(n, n)),
        likes=tables["likes"],
        cases=tuple(
            Case(
                row["user"],
                row["source"],
                tuple(row["history"]),
                frozenset(row["targets"]),
                tuple(row["seen"]),
            )
            for row in tables["cases"].to_pylist()
        ),
        about=json.loads((pairs.schema.metadata or {}).get(_ABOUT, b"{}")),
    )


def _read_table(folder: Path, name: str) -> pa.Table:
    path = folder / f"{name}.parquet"
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"cannot read {path}: {str(error).partition(chr(10))[0]}. Pairs are a folder that "
            "xlrec-ingest pairs has written"
        ) from error
    if missing := set(SCHEMAS[name].names) - set(table.schema.names):
        raise SourceError(f"{path} has no column {', '.join(sorted(missing))}")
    return table.select(SCHEMAS[name].names)


def _cases_table(cases: tuple[Case, ...]) -> pa.Table:
    rows = [
        {
            "user": case.user,
            "source": case.source,
            "history": list(case.history),
            "targets": sorted(case.targets),
            "seen": list(case.seen),
        }
        for case in cases
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["cases"])


def check_leaks(data: TrainingSet) -> None:
    """Refuse what has seen the targets that it is to be measured on.

    Two things must hold: no held-out like is among those learned from, and every pair of works is
    borne out by a user among those, so that no pair came from elsewhere. (Of clicks, those of
    held-out likes were left out where the log said whose they are.)

    Raises:
        SourceError: One of them does not.
    """
    users, works = data.likes.column("user").to_pylist(), data.likes.column("work").to_pylist()
    learned = set(zip(users, works, strict=True))
    for case in data.cases:
        for target in sorted(case.targets):
            if (case.user, target) in learned:
                raise SourceError(
                    f"LEAK: {target!r} is held out for {case.user!r} and among the training "
                    "interactions; make the pairs again"
                )
    unsupported = _unsupported(data, users, works)
    if unsupported:
        anchor, positive = unsupported[0]
        raise SourceError(
            f"LEAK: no user of the training interactions likes both items of "
            f"{len(unsupported)} pairs, such as {anchor!r} and {positive!r}; make the pairs again"
        )


def _unsupported(data: TrainingSet, users: list[str], works: list[str]) -> list[tuple[str, str]]:
    """Pairs of two works that nobody likes together."""
    numbers = data.numbers
    who = {user: number for number, user in enumerate(dict.fromkeys(users))}
    places = ([numbers[work] for work in works], [who[user] for user in users])
    by_work = csr_array(
        (np.ones(len(works), np.float32), places), shape=(len(numbers), max(1, len(who)))
    )
    columns = (
        data.pairs.column(name).to_pylist() for name in ("anchor_work", "positive_work", "kind")
    )
    pairs = [
        (anchor, positive)
        for anchor, positive, kind in zip(*columns, strict=True)
        if anchor != positive and kind != CLICK
    ]
    found = []
    for start in range(0, len(pairs), 10_000):  # a block's rows are in memory at a time
        block = pairs[start : start + 10_000]
        if unknown := [work for pair in block for work in pair if work not in numbers]:
            raise SourceError(f"the pairs have a work that works.parquet has not: {unknown[0]!r}")
        one, other = (by_work[[numbers[pair[side]] for pair in block]] for side in (0, 1))
        together = np.asarray(one.multiply(other).sum(axis=1)).ravel()
        found += [pair for pair, users_of in zip(block, together, strict=True) if not users_of]
    return found
