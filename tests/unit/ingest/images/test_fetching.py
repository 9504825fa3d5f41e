"""From what a field holds to bytes: paths and pictures in the field itself."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from image_models import as_bytes, picture
from ingest.documents.inline_pictures import is_inline
from ingest.images.decoding import MAX_BYTES, BadPicture
from ingest.images.fetching import Fetcher
from ingest.images.options import ImageOptions

PNG = as_bytes(picture(0))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    (folder / "out").symlink_to(tmp_path)
    (folder / "inside.png").symlink_to(folder / "sub" / "a.png")
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe.png")
    return folder


def fetcher(root: Path | None = None) -> Fetcher:
    return Fetcher(ImageOptions("icon", "model", root))


@pytest.mark.parametrize("path", ["sub/a.png", " sub/a.png\n", "sub/../sub/a.png", "inside.png"])
def test_a_path_below_the_root_is_read(root: Path, path: str) -> None:
    assert fetcher(root).fetch(path) == PNG


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../secret.png", "the path ../secret.png leads out of --image-root"),
        ("sub/../../secret.png", "leads out of --image-root"),
        ("out/secret.png", "leads out of --image-root"),
        ("/etc/hostname", "leads out of --image-root"),
        ("none.png", "there is no file none.png below --image-root"),
        ("sub", "there is no file sub below"),
        ("pipe.png", "there is no file pipe.png below"),
        ("a\0b", "cannot be read"),
        ("loop", "cannot be read|leads out|there is no file"),
        ("x" * 5000, "cannot be read|there is no file"),
        ("file:///etc/hostname", "there is no file"),
    ],
)
def test_no_path_leads_anywhere_else(root: Path, path: str, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        fetcher(root).fetch(path)


def test_without_a_root_paths_are_refused() -> None:
    with pytest.raises(BadPicture, match="paths are read below --image-root alone"):
        fetcher().fetch("a.png")


def test_a_file_is_read_no_further_than_it_may_be_long(root: Path) -> None:
    with (root / "long.png").open("wb") as file:
        file.truncate(10 * MAX_BYTES)
    assert len(fetcher(root).fetch("long.png")) == MAX_BYTES + 1


def test_a_picture_may_stand_in_the_field() -> None:
    encoded = base64.b64encode(PNG).decode()
    wrapped = "\n".join(encoded[start : start + 76] for start in range(0, len(encoded), 76))
    for value in (
        f"data:image/png;base64,{encoded}",
        f"DATA:;base64,{wrapped}",
        encoded,
        encoded.rstrip("="),
    ):
        assert is_inline(value)
        assert fetcher().fetch(value) == PNG
    assert fetcher().fetch("data:,%89PNG") == b"\x89PNG"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_base64_is_known_by_its_beginning(form: str) -> None:
    assert is_inline(base64.b64encode(as_bytes(picture(0), form)).decode())


@pytest.mark.parametrize("value", ["a.png", "iVBORw0KGgo.png", "https://a.b/c.png", 7, None, ""])
def test_anything_else_is_not_the_picture_itself(value: object) -> None:
    assert not is_inline(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("data:image/png;base64", "has no comma"),
        ("data:image/png;base64,####", "its Base64 is damaged"),
        ("data:;base64," + "A" * (2 * MAX_BYTES + 1), "more than 20 MiB"),
    ],
)
def test_damaged_content_is_refused(value: str, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        fetcher().fetch(value)


def test_the_state_tells_what_has_changed(root: Path) -> None:
    states = [fetcher(root).state(value) for value in ("sub/a.png", "inside.png", "none.png")]
    assert len(set(states)) == 3
    assert fetcher(root).state("sub/a.png ") == states[0]
    (root / "sub" / "a.png").write_bytes(as_bytes(picture(1)))
    assert fetcher(root).state("sub/a.png") != states[0]
    one, other = (f"data:;base64,{base64.b64encode(x).decode()}" for x in (PNG, PNG[:-1]))
    assert fetcher().state(one) != fetcher().state(other)
    assert fetcher().state("https://a.b/c") == fetcher(root).state("https://a.b/c")
