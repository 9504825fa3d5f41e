"""Files that lists are written to."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from xlrec_es.errors import MissingExtra, UsageError
from xlrec_es.recommend.export.list_rows import rows_of
from xlrec_es.recommend.export.writer import list_writer
from xlrec_es.recommend.recommendations import (
    Reason,
    Recommendation,
    Recommendations,
    RetrieverScore,
)

NOWHERE = Elasticsearch("http://127.0.0.1:9")
LISTS = Recommendations(
    items=tuple(
        Recommendation(
            id=f"d{rank}",
            work="w",
            language="ja",
            score=1 / rank,
            title=None if rank == 1 else "Ünï",
            retrievers={
                name: RetrieverScore(rank, 0.25, 0.5) for name in ("collaborative", "dense")[:rank]
            },
            reasons=(Reason("liked", None, 0.75),) * (rank - 1),
            source={"price": rank},
        )
        for rank in (1, 2)
    ),
    index="shop-xlrec-v1",
    fingerprint="f",
)


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_file_has_its_name_once_it_is_whole(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"lists{ending}"
    rows = rows_of("ann", LISTS, sources=False)
    with list_writer(NOWHERE, str(path), sources=False) as writer:
        writer.write(rows)
    yesterday = path.read_bytes()

    def interrupted() -> None:
        with list_writer(NOWHERE, str(path), sources=False) as writer:
            writer.write(rows)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == yesterday
    with list_writer(NOWHERE, str(path), sources=False) as writer:
        writer.write(rows)
        writer.write(rows)
        assert path.read_bytes() == yesterday
    assert path.read_bytes() != yesterday
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
@pytest.mark.parametrize("content", ['{"id": "a", "title": "Chess"}\n', "[1]\n", "no JSON"])
def test_a_catalog_is_not_replaced(tmp_path: Path, ending: str, content: str) -> None:
    path = tmp_path / f"items{ending}"
    path.write_text(content)
    with (
        pytest.raises(UsageError, match="is there and is no file of lists that xlrec-es export"),
        list_writer(NOWHERE, str(path), sources=False),
    ):
        pass
    assert path.read_text() == content


def test_a_catalog_in_parquet_is_not_replaced(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "items.parquet"
    parquet.write_table(pa.table({"id": ["a"], "title": ["Chess"]}), path)
    with (
        pytest.raises(UsageError, match="is there and is no file of lists"),
        list_writer(NOWHERE, str(path), sources=False),
    ):
        pass
    assert parquet.read_table(path).num_rows == 1


def test_rows_are_whole() -> None:
    first, second = rows_of("ann", LISTS, sources=True).objects()
    assert first == {
        "user": "ann",
        "rank": 1,
        "id": "d1",
        "item": "w",
        "language": "ja",
        "score": 1.0,
        "title": None,
        "retrievers": [{"retriever": "collaborative", "rank": 1, "score": 0.25, "share": 0.5}],
        "reasons": [],
        "source": {"price": 1},
    }
    assert [said["retriever"] for said in second["retrievers"]] == ["collaborative", "dense"]
    assert second["reasons"] == [{"item": "liked", "title": None, "share": 0.75}]


def test_parquet_has_the_same_rows(tmp_path: Path) -> None:
    from pyarrow import parquet

    rows = rows_of("ann", LISTS, sources=False)
    path = tmp_path / "lists.parquet"
    with list_writer(NOWHERE, str(path), sources=False) as writer:
        for _ in range(3):
            writer.write(rows)
    table = parquet.read_table(path)
    assert table.to_pylist() == [*rows.objects()] * 3
    assert table.schema.field("rank").type == "int32"


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for output in ("lists.xlsx", "lists"):
        with (
            pytest.raises(UsageError, match=r"ends in \.parquet or \.jsonl"),
            list_writer(NOWHERE, output, sources=False),
        ):
            pass
    absent = str(tmp_path / "nowhere" / "lists.jsonl")
    with (
        pytest.raises(UsageError, match="there is no folder"),
        list_writer(NOWHERE, absent, sources=False),
    ):
        pass
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = str(tmp_path / "lists.parquet")
    with (
        pytest.raises(MissingExtra, match=r"pip install 'xlrec-es\[export\]'"),
        list_writer(NOWHERE, path, sources=False),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_rows_of_nothing_are_none() -> None:
    rows = rows_of("ann", Recommendations((), "shop-xlrec-v1", "f"), sources=False)
    assert not len(rows)
    assert rows.score.dtype == np.float64


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"lists{ending}"
    path.symlink_to("/dev/full")

    def write() -> None:
        with list_writer(NOWHERE, str(path), sources=False) as writer:
            writer.write(rows_of("ann", LISTS, sources=False))

    with pytest.raises(UsageError) as error:
        write()
    assert str(error.value) == (
        f"cannot write {path} (No space left on device); name another file, or make room for it"
    )
    path.unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, before[1]))
    try:
        with pytest.raises(UsageError, match="File too large"):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [*tmp_path.iterdir()] == []
