"""An output is none of the inputs, by whatever name."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.output_files import (
    beginning,
    is_same,
    refuse_inputs,
    refuse_others,
    temporary,
    writing,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that one stands in, with a file under several names, and another file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "items").write_text("a")
    (tmp_path / "symbolic").symlink_to("items")
    os.link("items", "hard")
    (tmp_path / "other").write_text("a")
    (tmp_path / "here").symlink_to(".")
    return tmp_path


@pytest.mark.parametrize("name", ["items", "here/items", "symbolic", "hard", "here/symbolic"])
def test_one_file_has_many_names(folder: Path, name: str) -> None:
    assert is_same(name, "items")
    assert is_same("items", folder / name)
    assert not is_same(name, "other")
    with pytest.raises(UsageError) as error:
        refuse_inputs(Path(name), [None, "other", "items"], option="--output")
    assert str(error.value) == (
        f"{name} is what the command reads and is not replaced; name another with --output"
    )


def test_what_is_no_file_is_no_input(folder: Path) -> None:
    inputs = ["index:items", "none", "no/such/file", "/dev/null", "embedded", "i" * 300, None]
    for output in ("items", "none", "/dev/null", "new", "no/such/file"):
        assert not is_same(output, "index:items")
        refuse_inputs(Path(output), inputs, option="-o")


@pytest.mark.usefixtures("folder")
def test_standard_input_may_come_from_the_file() -> None:
    before = os.dup(0)
    try:
        with Path("items").open() as file:
            os.dup2(file.fileno(), 0)
        assert is_same("hard", "-")
        assert not is_same("other", "-")
    finally:
        os.dup2(before, 0)
        os.close(before)


def test_a_folder_that_is_replaced_holds_no_input(folder: Path) -> None:
    inner = folder / "model" / "data"
    inner.mkdir(parents=True)
    pairs = inner / "pairs"
    pairs.touch()
    refuse_inputs(Path("model"), [pairs], option="-o")  # a file goes into it
    with pytest.raises(UsageError, match=r"^here/model holds .*pairs, which the command reads"):
        refuse_inputs(Path("here/model"), [pairs], option="-o", replaces=True)
    with pytest.raises(UsageError, match=r"^model is what the command reads"):
        refuse_inputs(Path("model"), ["here/model"], option="-o", replaces=True)
    refuse_inputs(inner, ["model", "items"], option="-o", replaces=True)


def starts_with_b(path: Path) -> bool:
    return beginning(path, 1) == b"b"


@pytest.mark.usefixtures("folder")
def test_a_file_takes_the_place_of_one_of_its_kind_alone() -> None:
    Path("ours").write_text("bc")
    Path("empty").touch()
    for output in ("ours", "empty", "new", "/dev/null", "here/new"):
        refuse_others(Path(output), starts_with_b, kind="book")
    for output in ("items", "symbolic", "hard"):
        with pytest.raises(UsageError) as error:
            refuse_others(Path(output), starts_with_b, kind="book")
        assert str(error.value) == (
            f"{output} is there and is no book, and is not replaced; name another file, or remove "
            "it"
        )
    with pytest.raises(UsageError, match=r"^there is no folder none; make it first$"):
        refuse_others(Path("none/new"), starts_with_b, kind="book")


@pytest.mark.usefixtures("folder")
def test_a_file_that_cannot_be_looked_at_is_not_replaced() -> None:
    def unreadable(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    with pytest.raises(UsageError, match=r"^items is there and cannot be read \(Permission denied"):
        refuse_others(Path("items"), unreadable, kind="book")


@pytest.mark.usefixtures("folder")
def test_a_name_that_no_file_can_have_is_told() -> None:
    for name in ("n" * 256, f"{'n' * 256}/new"):
        with pytest.raises(UsageError, match=rf"^cannot write {name} \(File name too long\)"):
            refuse_others(Path(name), starts_with_b, kind="book")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("longest", ["n" * 255, "\N{HIRAGANA LETTER NO}" * 85])
def test_the_longest_name_can_be_written(longest: str) -> None:
    refuse_others(Path(longest), starts_with_b, kind="book")
    with writing(Path(longest)) as file:
        file.write_text("b")
    assert Path(longest).read_text() == "b"


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_written_is_one_sentence() -> None:
    with (
        pytest.raises(UsageError, match=r"^cannot write items/new \(Not a directory\); name"),
        writing(Path("items/new")),
    ):
        Path("items/new").write_text("a")


@contextlib.contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file can be longer, as on a disk that is full; Python ignores the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["items", "symbolic"])
def test_on_a_full_disk_the_earlier_file_stays_and_no_half_of_another(
    folder: Path, name: str
) -> None:
    before = sorted(folder.iterdir())
    with (
        pytest.raises(UsageError, match=rf"^cannot write {name} \(File too large\); name another"),
        small_disk(10),
        writing(Path(name)) as file,
    ):
        file.write_text("b" * 11)
    assert (folder / "items").read_text() == "a"
    assert sorted(folder.iterdir()) == before


def test_a_file_is_replaced_at_once_and_keeps_its_mode(folder: Path) -> None:
    (folder / "items").chmod(0o640)
    with writing(Path("symbolic")) as file:
        file.write_text("b")
        assert (folder / "items").read_text() == "a"
    assert (folder / "items").read_text() == "b"
    assert (folder / "items").stat().st_mode & 0o777 == 0o640
    assert (folder / "symbolic").is_symlink()
    with writing(folder / "new") as file:
        file.write_text("c")
    assert (folder / "new").read_text() == "c"


def test_a_device_is_written_itself() -> None:
    with writing(Path("/dev/null")) as file:
        file.write_text("a")
    assert Path("/dev/null").is_char_device()
    with (
        pytest.raises(UsageError, match=r"^cannot write /dev/full \(No space left on device\)"),
        writing(Path("/dev/full")) as file,
    ):
        file.write_text("a")


def test_other_faults_than_a_full_disk_are_not_told_as_one(folder: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"^there is no room for temporary files in .* TMPDIR$"),
        small_disk(10),
        temporary(folder),
    ):
        (folder / "new").write_text("b" * 11)
    with pytest.raises(FileNotFoundError), temporary(folder):
        (folder / "none" / "new").write_text("b")
