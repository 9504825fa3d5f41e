"""Pictures that are used, and those that are refused with their reasons."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from image_models import as_bytes, picture
from ingest.images.decoding import MAX_BYTES, BadPicture, decode

WHOLE = picture(0)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "JPEG", "MPO"])
def test_every_kind_becomes_rgb(form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    found = decode(as_bytes(WHOLE, form, **options))
    assert (found.mode, found.size) == ("RGB", WHOLE.size)
    if form in ("PNG", "WEBP"):
        assert np.array_equal(np.asarray(found), np.asarray(WHOLE))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA"])
def test_other_modes_are_converted(mode: str) -> None:
    assert decode(as_bytes(WHOLE.convert(mode))).mode == "RGB"


def test_what_is_transparent_becomes_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    clear.putpixel((0, 0), (255, 0, 0, 255))
    clear.putpixel((1, 0), (0, 0, 0, 128))
    for form in ("PNG", "WEBP"):
        options = {"lossless": True} if form == "WEBP" else {}
        found = decode(as_bytes(clear, form, **options))
        colors = [found.getpixel((x, 0)) for x in range(3)]
        assert colors == [(255, 0, 0), (127, 127, 127), (255, 255, 255)]
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([0, 0, 255, 255, 0, 0])
    palette.putpixel((1, 0), 1)
    found = decode(as_bytes(palette, transparency=0))
    assert [found.getpixel((x, 0)) for x in range(2)] == [(255, 255, 255), (255, 0, 0)]


def test_a_picture_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    found = decode(as_bytes(WHOLE, "JPEG", exif=exif, quality=100))
    assert found.size == WHOLE.size[::-1]


def test_further_pictures_of_a_camera_are_no_animation() -> None:
    data = as_bytes(WHOLE, "MPO", save_all=True, append_images=[picture(1)])
    assert decode(data).size == WHOLE.size


def test_what_follows_a_picture_is_no_part_of_it() -> None:
    """A film, say, in which any bytes may come; and ten scans are what a camera makes."""
    assert decode(scans(PROGRESSIVE, 10) + b"\xff\xda" * 1000).size == (64, 64)


def several(form: str) -> bytes:
    return as_bytes(WHOLE, form, save_all=True, append_images=[picture(1)], duration=100)


def png_of_size(width: int, height: int) -> bytes:
    """A header that promises so many pixels, and a few bytes of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def webp_of_size(width: int, height: int) -> bytes:
    head = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", len(head)) + head
    return b"RIFF" + struct.pack("<I", len(body)) + body


def scans(data: bytes, number: int) -> bytes:
    """A progressive JPEG whose last scan comes so often."""
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * number + b"\xff\xd9"


PROGRESSIVE = as_bytes(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>'
TIFF = as_bytes(WHOLE, "TIFF")
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))

BAD = {
    "empty": (b"", "it is empty"),
    "svg": (SVG, r"it is a drawing \(SVG\)"),
    "svg without a head": (b"  <svg/>", r"it is a drawing \(SVG\)"),
    "tiff": (TIFF, "it is no PNG, JPEG, WebP or GIF"),
    "text": (b"Not found", "it is no PNG, JPEG, WebP or GIF"),
    "animated gif": (several("GIF"), "it is animated"),
    "animated png": (several("PNG"), "it is animated"),
    "animated webp": (several("WEBP"), "it is animated"),
    "cmyk": (as_bytes(WHOLE.convert("CMYK"), "JPEG"), r"for print \(CMYK\)"),
    "16 bits": (as_bytes(WHOLE.convert("L").convert("I;16")), "its mode I;16 is none of RGB"),
    "too long": (bytes(MAX_BYTES + 1), "it has more than 20 MiB"),
    "png bomb": (png_of_size(60_000, 60_000), "60000 x 60000 pixels|more pixels"),
    "a little too large": (png_of_size(5001, 5000), "it has 5001 x 5000 pixels, and 25,000,000"),
    "webp bomb": (webp_of_size(16_000, 16_000), "it has 16000 x 16000 pixels"),
    "jpeg of many scans": (scans(PROGRESSIVE, 100), "it is a JPEG of more than 64 scans"),
    "damaged png": (png_of_size(100, 100)[:-30], r"it is damaged or cut off \("),
    **{
        f"cut {form}": (as_bytes(NOISE, form)[:-600], r"it is damaged or cut off \(|is no PNG")
        for form in ("PNG", "JPEG", "WEBP", "GIF")
    },
}


@pytest.mark.parametrize(("data", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_picture_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        decode(data)


def test_no_bytes_make_it_raise_anything_else() -> None:
    rng = np.random.default_rng(0)
    decoded, refused = 0, 0
    for form in ("PNG", "JPEG", "WEBP", "GIF"):
        whole = as_bytes(NOISE, form)
        for _ in range(60):
            damaged = bytearray(whole[: rng.integers(1, len(whole) + 1)])
            for place in rng.integers(0, len(damaged), 5):
                damaged[place] = rng.integers(0, 256)
            try:
                decode(bytes(damaged))
            except BadPicture:
                refused += 1
            else:
                decoded += 1
    assert (decoded + refused, decoded > 0, refused > 100) == (240, True, True)


@pytest.mark.parametrize("name", ["png bomb", "webp bomb"])
def test_a_bomb_allocates_nothing(name: str) -> None:
    """In a process that may not have what one of its rows of pixels would take."""
    program = (
        "import sys, resource\n"
        "from ingest.images.decoding import decode, BadPicture\n"
        "data = sys.stdin.buffer.read()\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "limit = used + 32 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "try:\n"
        "    decode(data)\n"
        "except BadPicture as error:\n"
        "    print(error)\n"
    )
    data, _ = BAD[name]
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=data,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
    )
    assert b"pixels" in done.stdout
