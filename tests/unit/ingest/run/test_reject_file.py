"""The file of the records that were set aside."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.run.reject_file import RejectFile, default_path, replaced
from ingest.shard import Shard
from xlrec_es import exact_json
from xlrec_es.errors import ConfigError, IngestError
from xlrec_es.records.record import Place, Rejection


def test_rejections_are_written_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    with RejectFile(path) as rejects:
        rejects.write(Rejection(9, "read", "of an earlier run", "{"))
    with RejectFile(path) as rejects:
        rejects.cut(0)
        assert not path.exists()
        rejects.write(Rejection(3, "read", "not JSON", "ungültig"))
        rejects.write(Rejection(4, "write", "refused", {"id": "a"}, "a@en"))
        first_two = rejects.size
    with RejectFile(path) as rejects:
        rejects.write(Rejection(5, "read", "of a record that is read again", ""))
    with RejectFile(path) as rejects:
        rejects.cut(first_two)
    first, second = map(json.loads, path.read_text("utf-8").splitlines())
    assert abs(datetime.fromisoformat(first.pop("time")) - datetime.now(UTC)).seconds < 60
    assert first == {
        "line": 3, "stage": "read", "reason": "not JSON", "document": None, "record": "ungültig"
    }  # fmt: skip
    assert (second["record"], second["document"]) == ({"id": "a"}, "a@en")


def test_of_several_files_the_one_that_has_the_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    place = Place(3, 'items/"b".csv')
    with RejectFile(path) as rejects:
        rejects.write(Rejection(20_003, "read", "not JSON", "x" * 100, place=place))
    [entry] = map(json.loads, path.read_text("utf-8").splitlines())
    assert (entry["file"], entry["line"]) == (place.file, place.line)
    written = path.read_bytes()
    for content in (written, written[:100]):  # cut by a kill
        path.write_bytes(content)
        RejectFile(path)


def test_without_rejections_there_is_no_file(tmp_path: Path) -> None:
    with RejectFile(tmp_path / "rejects"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_reject_file_that_cannot_be_written_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no/rejects: No such file or directory; name one with"):
        RejectFile(tmp_path / "no" / "rejects")


def test_rejects_go_beside_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, part = Shard(), Shard(2, 3)
    assert default_path("-", "shop", whole) == Path("xlrec.shop.rejects.jsonl")
    assert default_path("index:mine", "shop", whole) == Path("mine.shop.rejects.jsonl")
    source = tmp_path / "items.jsonl.gz"
    beside = "items.jsonl.gz.shop.rejects.jsonl"
    assert default_path(str(source), "shop", whole) == tmp_path / beside
    of_part = tmp_path / "items.jsonl.gz.shop.2-of-3.rejects.jsonl"
    assert default_path(str(source), "shop", part) == of_part
    monkeypatch.setattr(os, "access", lambda *_: False)  # as root, every folder can be written
    assert default_path(str(source), "shop", whole) == Path(beside)


def test_an_index_that_no_file_can_be_named_after_has_a_file_of_its_own(tmp_path: Path) -> None:
    names = ["../a/b", ".._a_b", "x" * 255, "x" * 254, "i\ud800"]
    paths = {default_path(str(tmp_path / "items"), name, Shard()) for name in names}
    assert len(paths) == len(names)
    for path in paths:
        assert path.parent == tmp_path
        path.touch()


def test_a_device_is_no_reject_file_and_stays() -> None:
    with pytest.raises(ConfigError, match="/dev/null is no regular file"):
        RejectFile(Path("/dev/null"))


def test_a_reject_file_that_was_moved_is_begun_anew_without_nul_bytes(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    with RejectFile(path) as rejects:
        rejects.write(Rejection(1, "read", "not JSON", "x"))
        rejects.sync()
        size = rejects.size
    path.rename(tmp_path / "moved")
    with RejectFile(path) as rejects:
        rejects.cut(size)
        assert rejects.size == 0
        rejects.write(Rejection(2, "read", "not JSON", "y"))
    [entry] = map(json.loads, path.read_bytes().splitlines())
    assert entry["line"] == 2
    with RejectFile(path) as rejects:
        path.write_bytes(b"shorter\n")  # or another has taken its place
        rejects.cut(size)
    assert path.read_bytes() == b"shorter\n"


def test_a_run_that_begins_anew_needs_no_file(tmp_path: Path) -> None:
    with RejectFile(tmp_path / "rejects") as rejects:
        rejects.cut(0)
        rejects.sync()
        assert rejects.size == 0
    assert not list(tmp_path.iterdir())


def test_a_name_that_no_file_can_have_is_told_from_others(tmp_path: Path) -> None:
    def name(index: str) -> str:
        path = default_path(str(tmp_path / "in"), index, Shard())
        return path.name.removeprefix("in.").removesuffix(".rejects.jsonl")

    assert name("shop/a") == "shop_a-" + hashlib.sha256(b"shop/a").hexdigest()[:8]
    assert name("shop/a") != name("shop:a")
    assert name("s" * 60) == "s" * 60
    assert name("s" * 61).startswith("s" * 60 + "-")
    assert name("\udcff").startswith("_-")


@pytest.mark.parametrize("step", ["cut", "write", "sync"])
def test_a_file_that_cannot_be_written_any_more_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "rejects"
    rejection = Rejection(3, "read", "not JSON", "{")
    with RejectFile(path) as rejects:
        rejects.write(rejection)
        rejects.sync()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        monkeypatch.setattr(rejects, "_open", full)
        steps = {
            "cut": lambda: rejects.cut(1),
            "write": lambda: rejects.write(rejection),
            "sync": rejects.sync,
        }
        with pytest.raises(IngestError) as error:
            steps[step]()
        assert str(error.value) == f"cannot write the reject file {path}: No space left on device"


def test_whatever_is_set_aside_is_a_line_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    deep = exact_json.loads_all(b"[" * 300 + b"]" * 300)
    cases = {"\ud800{": "\\ud800{", "plain": "plain"}
    with RejectFile(path) as rejects:
        for record in cases:
            rejects.write(Rejection(1, "read", "half \udfff", record))
        rejects.write(Rejection(2, "document", "too deep", {"a": deep}, "7"))
        rejects.write(Rejection(3, "document", "half", {"a": "\ud800"}, "8"))
    lines = path.read_bytes().splitlines()
    found = [exact_json.loads(line) for line in lines]
    assert [one["record"] for one in found] == [
        *cases.values(),
        '{"a": ' + "[" * 300 + "]" * 300 + "}",
        '{"a": "\\ud800"}',
    ]
    assert found[0]["reason"] == "half \\udfff"
    assert found[2].keys() == {"time", "line", "stage", "reason", "document", "record"}
    assert [one["line"] for one in found] == [1, 1, 2, 3]


def entry(number: int, record: object = "{") -> bytes:
    """A line of a reject file, as a user may have written it again."""
    return json.dumps(
        {
            "record": record,
            "document": None,
            "reason": "not JSON",
            "stage": "read",
            "line": number,
            "time": "2026-05-01T10:00:00+00:00",
        }
    ).encode()


OTHERS = {
    "a catalog": b'{"id": 1, "title": "A puzzle"}\n',
    "lines that have a line and a record": b'{"line": 1, "record": {"id": 1}}\n',
    "entries with more": json.dumps({**json.loads(entry(1)), "id": 1}).encode(),
    "a text": b"of great value",
    "no text": b"\x00\xff\n",
    "a catalog after an entry": entry(1) + b'\n{"id": 1}\n',
    "a packed catalog": gzip.compress(b'{"id": 1, "title": "A puzzle"}\n'),
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_a_file_of_something_else_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "valuable"
    path.write_bytes(content)
    told = f"^{path} is no reject file, and stays as it is: line [12] is not one of its entries; "
    with pytest.raises(ConfigError, match=f"{told}name another file with --rejects"):
        RejectFile(path)
    with pytest.raises(ConfigError, match=f"{told}give the reject"), replaced(path) as new:
        new.write_bytes(entry(1))
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_not_replayed_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rejects"
    path.write_bytes(content)
    told = "rejects has no line: there is nothing to replay"
    with pytest.raises(ConfigError, match=told), replaced(path):
        pass
    assert path.read_bytes() == content
    RejectFile(path)  # a run has nothing to lose there


def test_a_reject_file_is_known_as_one_mended_packed_cut_or_broken_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    with RejectFile(path) as rejects:
        rejects.write(Rejection(1, "read", "not JSON", "x" * 100))
    written = path.read_bytes()
    broken = written.replace(b"xxxx", b'"', 1)
    for content in (
        entry(1, {"id": 1}),
        b"\xef\xbb\xbf" + entry(1),
        gzip.compress(entry(1)),
        written[:90],
        broken,
        written * 3 + b"anything",
    ):
        path.write_bytes(content)
        RejectFile(path)
        with replaced(path) as new:
            new.write_bytes(b"left")
        assert path.read_bytes() == b"left"


def test_a_reject_file_of_which_nothing_is_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    path.write_bytes(entry(1))
    with replaced(path):
        pass
    assert not list(tmp_path.iterdir())
