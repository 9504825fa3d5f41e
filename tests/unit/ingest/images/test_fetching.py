"""From what a field holds to bytes: paths and pictures in the field itself."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from image_models import as_bytes, picture
from ingest.documents.inline_pictures import is_inline
from ingest.images import fetching
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
        ("x." * 2500, "cannot be read|there is no file"),
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


def test_base64_of_another_format_is_known_by_its_length() -> None:
    """No path is so long, and a document is not to have it."""
    bitmap = base64.b64encode(as_bytes(picture(0), "BMP")).decode()
    assert is_inline(bitmap)
    assert fetcher().fetch(bitmap) == base64.b64decode(bitmap)
    assert not is_inline("covers/of long ago/" * 500 + ".png")


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


@pytest.mark.parametrize("value", ["loop", "a\udc80.png", "a\0b", "x." * 2500])
def test_whatever_a_field_holds_has_a_state(root: Path, value: str) -> None:
    assert fetcher(root).state(value) == fetcher(root).state(value) != fetcher(root).state("else")
    with pytest.raises(BadPicture):
        fetcher(root).fetch(value)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("::1", "::", "::127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "fec0::1", "fd00::1"),
        "64:ff9b::a9fe:a9fe",  # 169.254.169.254 behind a translator
        "64:ff9b:1::1",
        "2002:7f00:1::",  # 127.0.0.1 in a tunnel
        "2001:0:7f00:1::",
        "::ffff:0:7f00:1",
        "2001:db8::1",
        "ff0e::1",
    ],
)
def test_no_address_of_a_private_network_is_public(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(0, 0, 0, "", (address, 443))]
    monkeypatch.setattr(fetching.socket, "getaddrinfo", lambda *_, **__: found)
    mine = Fetcher(ImageOptions("icon", "model", hosts=("cdn.example.com",)))
    with pytest.raises(BadPicture, match="an address of a private network"):
        mine.fetch("https://cdn.example.com/a.png")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_an_address_of_the_internet_is_public(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(pool: object, *_: object, **__: object) -> None:
        asked.append(pool.host)  # type: ignore[attr-defined]
        raise OSError("no network")

    monkeypatch.setattr(fetching.socket, "getaddrinfo", lambda *_, **__: [(*[0] * 4, (address, 1))])
    monkeypatch.setattr(fetching.urllib3.HTTPSConnectionPool, "request", refuse)
    mine = Fetcher(ImageOptions("icon", "model", hosts=("cdn.example.com",)))
    with pytest.raises(BadPicture, match="no network"):
        mine.fetch("https://cdn.example.com/a.png")
    assert asked == [address]
