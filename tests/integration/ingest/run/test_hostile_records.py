"""Records that somebody made to do harm stand between good ones: none of these is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from hostile_json import nested
from ingest.cli.main import main
from xlrec_es import exact_json
from xlrec_es.exact_json import MAX_DEPTH

LONG = "123456789012345678901234567890"


def record(id_: str, own: str) -> bytes:
    """A record in which Elasticsearch does not look at `own`, and keeps it."""
    fields = f'"id": "{id_}", "language": "en", "title": "A puzzle {id_}", "own": {{"n": {own}}}'
    return f"{{{fields}}}".encode("utf-8", "surrogatepass")


GOOD = {
    "first": LONG,  # a run knows its source again by its first record
    "digits": "9" * 1000,
    "depth": nested(MAX_DEPTH - 2),
    "tiny": "1e-99999999999999999999",
    "text": '"[[[[\\u0000\\ud83e\\udde9"',
    "last": f"[-{LONG}, 1.5]",
}
BAD = {
    "5000 digits": (record("a", "1" * 5000), "JSON with a number of more than 1000 digits"),
    "3 MB of digits": (record("a", "1" * 3_000_000), "JSON with a number of more than 1000 digits"),
    "1200 brackets": (record("a", nested(1200)), "nested more than 200 levels deep"),
    "300 lists": (record("a", nested(300)), "nested more than 200 levels deep"),
    "300 objects": (
        record("a", nested(300, begin='{"a":', end="}")),
        "nested more than 200 levels deep",
    ),
    "one level too many": (record("a", nested(MAX_DEPTH - 1)), "nested more than 200 levels deep"),
    "a huge exponent": (record("a", LONG + "e99999999999999999999"), "not JSON: infinity"),
    "half a character": (record("a", f'[{LONG}, "\\ud800"]'), "JSON with half a character"),
    "a surrogate in UTF-8": (record("a", f'[{LONG}, "\ud800"]'), "not JSON: not UTF-8"),
    "brackets without end": (b"[" * 100_000, "nested more than 200 levels deep"),
    "NUL bytes": (b"\x00" * 5000, "not JSON: "),
}
GOOD_LINES = [record(id_, own) for id_, own in GOOD.items()]
LINES = [
    GOOD_LINES[0],
    *(line for line, _ in BAD.values()),
    *GOOD_LINES[1:-1],
    *(line for line, _ in BAD.values()),
    GOOD_LINES[-1],
]
REASONS = [reason for _, reason in BAD.values()] * 2


@pytest.fixture
def unread(es: Elasticsearch, index_name: str) -> Iterator[None]:
    """Elasticsearch keeps the field `own` as it is, but does not look at it."""
    mapping = {"properties": {"own": {"type": "object", "enabled": False}}}
    es.indices.put_index_template(
        name=index_name,
        index_patterns=[f"{index_name}*"],
        template={"mappings": mapping},
    )
    yield
    es.indices.delete_index_template(name=index_name)


class Program:
    """`xlrec-ingest` with an index of this test's own."""

    def __init__(self, url: str, index: str, model: Path) -> None:
        self._options = ("--index", index, "--url", url, "--model", str(model), "--json")

    def __call__(self, command: str, path: Path, *options: str) -> Result:
        return CliRunner().invoke(main, [command, str(path), *self._options, *options])


@pytest.fixture
def program(es_url: str, index_name: str, tiny_model: Path) -> Program:
    return Program(es_url, index_name, tiny_model)


def stored(es: Elasticsearch, index: str) -> dict[str, Any]:
    es.indices.refresh(index=index)
    hits = es.search(index=index, size=100)["hits"]["hits"]
    return {hit["_id"]: hit["_source"]["own"] for hit in hits}


def entries(rejects: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) | {"time": 0} for line in rejects.read_bytes().splitlines()]


@pytest.mark.usefixtures("unread")
def test_good_records_are_indexed_and_bad_ones_set_aside(
    program: Program, es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    source = tmp_path / "items.jsonl"
    source.write_bytes(b"\n".join(LINES))
    done = program("run", source)
    assert done.exit_code == 3, done.output
    summary = json.loads(done.stdout)
    assert (summary["indexed"], summary["rejected"]) == (len(GOOD), len(REASONS))
    found = stored(es, index_name)
    assert found == {id_: exact_json.loads(f'{{"n": {own}}}') for id_, own in GOOD.items()}
    assert str(found["first"]["n"]) == LONG

    rejects = Path(f"{source}.{index_name}.rejects.jsonl")
    before = entries(rejects)
    for entry, reason in zip(before, REASONS, strict=True):
        assert entry["reason"].startswith(reason)
        assert entry["stage"] == "read"
    whole = dict(enumerate(LINES, 1))
    readable = [entry for entry in before if entry["reason"] != "not JSON: not UTF-8"]
    assert all(entry["record"].encode() == whole[entry["line"]] for entry in readable)

    # Again and again: the index has it already, and what is set aside stays so.
    again = json.loads(program("run", source).stdout)
    assert (again["unchanged"], again["rejected"]) == (len(GOOD), len(REASONS))
    done = program("replay", rejects)
    assert done.exit_code == 3, done.output
    after = entries(rejects)
    assert [entry["line"] for entry in after] == [entry["line"] for entry in before]
    assert [e["record"] for e in after] == [e["record"] for e in before]

    after[0]["record"] = record("mended", LONG).decode()
    rejects.write_bytes(b"\n".join([*map(orjson.dumps, after[:3]), *GOOD_LINES[:1], b"\x00"]))
    done = program("replay", rejects)
    assert done.exit_code == 3, done.output
    assert str(stored(es, index_name)["mended"]["n"]) == LONG
    assert [entry["reason"][:8] for entry in entries(rejects)] == [
        "JSON wit", "nested m", "not an e", "not JSON",
    ]  # fmt: skip


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("moved", [False, True])
def test_a_run_that_was_ended_by_bad_records_is_gone_on_with(
    program: Program, es: Elasticsearch, index_name: str, tmp_path: Path, moved: bool
) -> None:
    source = tmp_path / "items.jsonl"
    rejects = Path(f"{source}.{index_name}.rejects.jsonl")
    source.write_bytes(b"\n".join(LINES))
    done = program("run", source, "--max-rejects", "3")
    assert done.exit_code == 1
    assert "more than --max-rejects 3" in done.output
    source.write_bytes(b"\n".join([*LINES, record("late", "1"), BAD["300 lists"][0]]))
    early = entries(rejects)
    assert early
    if moved:
        rejects.rename(tmp_path / "moved")
    done = program("run", source, "--resume")
    assert done.exit_code == 3, done.output
    assert stored(es, index_name).keys() == {*GOOD, "late"}
    assert b"\x00" not in rejects.read_bytes()
    kept = entries(rejects)
    assert len(early if moved else []) + len(kept) == len(REASONS) + 1
