"""The file that says up to where a run is settled, and what else may be found in its place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ingest.run import checkpoint as checkpoints
from ingest.run.checkpoint import Checkpoint, State, check_free, default_path
from ingest.run.counts import Counts
from xlrec_es.errors import ConfigError, IngestError
from xlrec_es.index.live_index import LiveIndex

STATE = State(3, 10, digest="of three records")
IDENTITY = {"source": "items.jsonl", "shard": "1/2"}


def live(name: str = "shop-v1", uuid: str = "u1", digest: str = "f1") -> LiveIndex:
    meta = SimpleNamespace(fingerprint=SimpleNamespace(digest=digest))
    return cast("LiveIndex", SimpleNamespace(name=name, uuid=uuid, meta=meta))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"[" * 5000,
        b"[]",
        b'{"identity": [], "state": {}}',
        b'{"identity": {}, "state": {"position": "3"}}',
        b'{"identity": {}, "state": {"position": -1}}',
        b'{"identity": {}, "state": {"position": true}}',
        b'{"identity": {}, "state": {"position": 123456789012345678901}}',
        b'{"identity": {}, "state": {"counts": {}}}',
        b'{"identity": {}, "state": {"counts": null}}',
        b'{"identity": {}, "state": {"rejects_size": 1.5}}',
        b'{"identity": {}, "state": {"more": 1}}',
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint"
    Checkpoint(path).save(STATE)
    assert Checkpoint(path).load() == STATE
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cannot be read .*; run without --resume"):
        Checkpoint(path).load()


def counts(**changed: object) -> str:
    return json.dumps({**Counts().as_json(), **changed})


@pytest.mark.parametrize(
    "state",
    [
        '{"position": 1}',
        '{"digest": "of something"}',
        '{"position": 1, "digest": 5}',
        '{"position": 1, "digest": ["of something"]}',
        f'{{"counts": {counts(languages=3)}}}',
        f'{{"counts": {counts(languages={"en": "3"})}}}',
        f'{{"counts": {counts(languages={"en": -3})}}}',
        f'{{"counts": {counts(indexed={})}}}',
        f'{{"counts": {counts(indexed={}, documents={"en": 1})}}}',
        f'{{"counts": {counts(indexed=True)}}}',
        f'{{"counts": {counts(rejected=-1)}}}',
        f'{{"counts": {counts(more=1)}}}',
    ],
)
def test_what_no_run_has_written_is_no_state(tmp_path: Path, state: str) -> None:
    path = tmp_path / "checkpoint"
    path.write_text(f'{{"identity": {{}}, "state": {state}}}')
    with pytest.raises(ConfigError, match=r"cannot be read \(it is no checkpoint\); run without"):
        Checkpoint(path).load()


def test_what_is_saved_is_all_that_is_known(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    counted = Counts(documents=4, indexed=3, rejected=1)
    counted.languages["en"] = 4
    state = State(4, 17, counted.as_json(), "of four records")
    Checkpoint(path, IDENTITY).save(state)
    assert json.loads(path.read_bytes()) == {
        "schema": 1,
        "identity": IDENTITY,
        "state": {
            "position": 4,
            "rejects_size": 17,
            "counts": counted.as_json(),
            "digest": "of four records",
        },
    }
    assert len(path.read_text().splitlines()) > 10  # for people who look into it
    assert Checkpoint(path, IDENTITY).load() == state
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_that_has_not_begun_is_at_the_beginning(tmp_path: Path) -> None:
    empty = State(0, 0, Counts().as_json(), "")
    assert Checkpoint(tmp_path / "checkpoint").load() == empty
    nowhere = Checkpoint(None)  # a source that nobody can go on with
    nowhere.save(STATE)
    assert nowhere.load() == empty
    nowhere.remove()


def test_a_checkpoint_is_gone_after_the_end(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    checkpoint.remove()  # there is none
    checkpoint.save(STATE)
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"source": "b.jsonl"}, "source was 'items.jsonl' and is 'b.jsonl'"),
        ({"shard": "2/2"}, "shard was '1/2' and is '2/2'"),
        ({"shard": None}, "shard was '1/2' and is None"),
        ({"fields": "id"}, "fields was None and is 'id'"),
        ({"index": live("shop-v2")}, "index was 'shop-v1 u1' and is 'shop-v2 u1'"),
        ({"index": live(uuid="u2")}, "index was 'shop-v1 u1' and is 'shop-v1 u2'"),
        ({"index": live(digest="f2")}, "fingerprint was 'f1' and is 'f2'"),
        (
            {"source": "b", "shard": "2/2"},
            "source was 'items.jsonl' and is 'b'; shard was '1/2' and is '2/2'",
        ),
    ],
)
def test_nobody_goes_on_with_another_run(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    path = tmp_path / "checkpoint"
    saved = Checkpoint(path, dict(IDENTITY))
    saved.bind(live())
    saved.save(STATE)
    same = Checkpoint(path, dict(IDENTITY))
    same.bind(live())
    assert same.identity == {**IDENTITY, "index": "shop-v1 u1", "fingerprint": "f1"}
    assert same.load() == STATE
    index = changed.pop("index", live())
    mine = {name: value for name, value in {**IDENTITY, **changed}.items() if value}
    other = Checkpoint(path, mine)
    other.bind(index)
    with pytest.raises(ConfigError) as error:
        other.load()
    assert str(error.value) == (
        f"the checkpoint {path} is of another run: {told}; run without --resume to begin again: "
        "what is in the index is passed over"
    )


def test_a_checkpoint_is_whole_or_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint"
    Checkpoint(path).save(STATE)
    there: list[State] = []
    fsync = os.fsync

    def watch(file: int) -> None:
        there.append(Checkpoint(path).load())
        fsync(file)
        assert json.loads((tmp_path / "checkpoint.new").read_bytes())["state"]["position"] == 4

    monkeypatch.setattr(os, "fsync", watch)
    Checkpoint(path).save(State(4, 10, digest="of four records"))
    assert there == [STATE]
    assert Checkpoint(path).load().position == 4


def test_a_checkpoint_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    (tmp_path / "checkpoint.new").mkdir()
    with pytest.raises(IngestError) as error:
        Checkpoint(path).save(STATE)
    assert str(error.value) == (
        f"cannot write the checkpoint {path}: Is a directory; name another file with --checkpoint"
    )


def test_a_checkpoint_is_written_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    assert checkpoint.is_due()
    checkpoint.save(STATE)
    for later, is_due in ((0.0, False), (0.9, False), (1.0, True), (5.0, True)):
        now[0] = 100.0 + later
        assert checkpoint.is_due() is is_due


@pytest.mark.parametrize(
    ("rejects", "expected"),
    [
        ("items.rejects.jsonl", "items.checkpoint.json"),
        ("set-aside.txt", "set-aside.txt.checkpoint.json"),
    ],
)
def test_a_checkpoint_is_beside_the_rejects(rejects: str, expected: str) -> None:
    assert default_path(Path("some") / rejects) == Path("some") / expected


def test_a_checkpoint_and_nothing_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    check_free(path)
    path.touch()  # nothing is lost
    check_free(path)
    Checkpoint(path, IDENTITY).save(STATE)
    (tmp_path / "checkpoint.new").write_bytes(path.read_bytes()[:100])  # of a run that was killed
    check_free(path)


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.new"])
@pytest.mark.parametrize(
    "content",
    [b"of great value", b'{"id": 1}\n', b'{\n  "schema": "mine",\n  "identity": {}\n}', b"\0" * 99],
)
def test_a_file_of_something_else_is_refused_and_stays(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        check_free(tmp_path / "checkpoint")
    assert str(error.value) == (
        f"{path} is no checkpoint of a run, and is not replaced; name another file with "
        "--checkpoint"
    )
    assert path.read_bytes() == content


def test_a_device_is_no_checkpoint_and_stays() -> None:
    with pytest.raises(ConfigError, match="/dev/null is no regular file"):
        check_free(Path("/dev/null"))


def test_a_checkpoint_that_cannot_be_looked_at_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint"
    path.touch()

    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)  # root may read all
    with pytest.raises(
        ConfigError, match=r"cannot read the checkpoint .*: Permission denied; name"
    ):
        check_free(path)
