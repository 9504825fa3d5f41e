"""What of a source an earlier run has settled, and whether it is that source still."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.documents.builder import DocumentBuilder
from ingest.documents.language_detection import LanguageDetector
from ingest.run.checkpoint import State
from ingest.run.counts import Tally
from ingest.run.job import RunJob
from ingest.run.reading import Reader, check_settled
from ingest.run.signals import Stop
from ingest.shard import Shard
from ingest.sources.source import open_source
from xlrec_es.errors import ConfigError

Records = list[dict[str, Any]]
DETECTOR = LanguageDetector()
RECORDS: Records = [{"id": str(n), "language": "en", "title": f"title {n}"} for n in range(10)]
SETTLED = 6


def write_jsonl(path: Path, records: Records) -> None:
    path.write_text("\n".join(map(json.dumps, records)))


def write_array(path: Path, records: Records) -> None:
    path.write_text(json.dumps(records, indent=1))


def write_csv(path: Path, records: Records) -> None:
    rows = [",".join(record.values()) for record in records]
    path.write_text("\n".join(["id,language,title", *rows]))


def write_parquet(path: Path, records: Records) -> None:
    pq.write_table(pa.Table.from_pylist(records), path)


WRITERS = {"jsonl": write_jsonl, "json": write_array, "csv": write_csv, "parquet": write_parquet}


def settled_by(job: RunJob, position: int) -> State:
    """As a run notes it that has got up to a position."""
    source = open_source(job.source)
    builder = DocumentBuilder(job.fields, job.recipe, DETECTOR)
    reader = Reader(job, source, builder, Tally(), Stop(), lambda *_: None)
    built = [one for one in reader.build_all(State()) if one and one.position <= position]
    return State(built[-1].position, digest=built[-1].digest)


def check(job: RunJob, state: State) -> None:
    check_settled(job, open_source(job.source), state)


@pytest.mark.parametrize("kind", WRITERS)
def test_an_input_that_has_changed_is_not_gone_on_with(tmp_path: Path, kind: str) -> None:
    path, write = tmp_path / f"items.{kind}", WRITERS[kind]
    write(path, RECORDS)
    job = RunJob(str(path), "i")
    state = settled_by(job, SETTLED)
    check(job, state)
    changed = {**RECORDS[2], "title": "title X"}  # of the same length
    write(path, [*RECORDS[:SETTLED], changed, {"id": "more"} | changed])  # behind it: all is read
    check(job, state)

    def refused(records: Records, why: str) -> None:
        write(path, records)
        with pytest.raises(ConfigError, match=rf"{why}.* record 6, .*; run without --resume"):
            check(job, state)

    refused([*RECORDS[:2], changed, *RECORDS[3:]], "was changed")
    refused([*RECORDS[:5], {**RECORDS[5], "title": "another"}, *RECORDS[6:]], "was changed")
    refused([*RECORDS[:3], changed, *RECORDS[3:]], "was changed")  # put among them
    refused([*RECORDS[:3], *RECORDS[4:]], "was changed")  # taken out
    refused(RECORDS[1::-1] + RECORDS[2:], "was changed")
    refused(RECORDS[: SETTLED - 1], "ends before")


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        (lambda lines: ["", *lines], True),  # the last of them is behind the position now
        (lambda lines: [*lines[:SETTLED], "", "more"], False),
        (lambda lines: ["{", *lines[1:]], True),
        (lambda lines: [*lines[:1], lines[1].replace(": ", " :  "), *lines[2:]], False),
        (lambda lines: [*lines[:4], json.dumps(lines[4]), *lines[5:]], True),  # as a text
    ],
)
def test_lines_count_by_what_they_say(
    tmp_path: Path, change: Callable[[list[str]], list[str]], is_refused: bool
) -> None:
    path = tmp_path / "items.jsonl"
    lines = [json.dumps(record) for record in RECORDS]
    lines[3] = "no JSON"
    path.write_text("\n".join(lines))
    job = RunJob(str(path), "i")
    state = settled_by(job, SETTLED)
    path.write_text("\n".join(change(lines)))
    if is_refused:
        with pytest.raises(ConfigError, match="was changed"):
            check(job, state)
    else:
        check(job, state)


def test_a_line_that_had_no_end_yet_is_read_again(tmp_path: Path) -> None:
    """The run before saw half of it, and set that aside."""
    path = tmp_path / "items.jsonl"
    write_jsonl(path, RECORDS[:3])
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    job = RunJob(str(path), "i")
    state = settled_by(job, 3)
    path.write_bytes(whole)
    with pytest.raises(ConfigError, match="was changed"):
        check(job, state)


def test_a_part_is_changed_by_its_own_records_alone(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    write_jsonl(path, RECORDS)
    job = RunJob(str(path), "i", shard=Shard(1, 2))
    mine = [n for n, record in enumerate(RECORDS) if job.shard.has(record["id"])]
    others = [n for n in range(len(RECORDS)) if n not in mine]
    assert min(others) < mine[-1]
    state = settled_by(job, mine[-1] + 1)
    for number, is_refused in ((min(others), False), (mine[0], True)):
        changed = [*RECORDS]
        changed[number] = {**changed[number], "title": "another"}
        write_jsonl(path, changed)
        if is_refused:
            with pytest.raises(ConfigError, match="was changed"):
                check(job, state)
        else:
            check(job, state)


def test_a_file_that_is_followed_and_was_cut_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    write_jsonl(path, RECORDS)
    job = RunJob(str(path), "i", follow=True)
    state = settled_by(RunJob(str(path), "i"), SETTLED)
    path.write_text("\n".join(map(json.dumps, RECORDS[:2])) + "\n")
    with pytest.raises(ConfigError, match="ends before its record 6"):
        check_settled(job, open_source(job.source, follow=True), state)
