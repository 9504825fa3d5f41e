"""From bytes to a picture, in bounded memory: what is no plain still picture is refused.

Size, format and frames are read from the header, before any pixel is decoded. So a picture of some
kilobytes that would unfold into gigabytes allocates nothing.
"""

from __future__ import annotations

import io
import re
import warnings

from xlrec_es.errors import MissingExtra

try:
    from PIL import Image, ImageOps, UnidentifiedImageError
except ImportError as error:
    raise MissingExtra.named("images", "Reading pictures") from error

MAX_BYTES = 20 * 1024 * 1024
"""Of a picture as it is stored or sent."""

MAX_PIXELS = 25_000_000
"""Decoded, they take 100 MB. Models look at 224 x 224 of them, so that more shows nothing more."""

MAX_SCANS = 64
"""Of a JPEG. Each of them goes over all pixels, and takes a dozen bytes; cameras make 10 or so."""

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_STILL = ("JPEG", "MPO")  # a camera's further pictures in a file are no animation
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")  # neither stuffing, filling nor a restart
_START_OF_SCAN, _END_OF_IMAGE = b"\xda", b"\xd9"
_WITHOUT_LENGTH = (b"\x01", b"\xd8")
_MODES = ("RGB", "RGBA", "L", "LA", "P", "PA", "1")


class BadPicture(Exception):
    """A picture that is not used; the message says why, and what to do."""


def decode(data: bytes) -> Image.Image:
    """Decode a picture.

    It is turned as its EXIF orientation says, and what is transparent becomes white.

    Args:
        data: PNG, JPEG, WebP or GIF.

    Returns:
        Of mode RGB, with its pixels in memory.

    Raises:
        BadPicture: It is too large, animated, damaged, or of another kind.
    """
    if len(data) > MAX_BYTES:
        raise BadPicture(
            f"it has more than {MAX_BYTES // 2**20} MiB; make it smaller: models look at some "
            "hundred pixels"
        )
    _check_webp(data)
    _check_jpeg(data)
    try:
        with warnings.catch_warnings():
            # The limit here is lower than that of Pillow, which warns first.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=_FORMATS)
            _check(picture)
            picture.load()
            return _plain(picture)
    except Image.DecompressionBombError:
        raise BadPicture(_too_many("more")) from None
    except UnidentifiedImageError:
        raise BadPicture(_unknown(data)) from None
    except BadPicture:
        raise
    except Exception as error:  # whatever damaged bytes make a dozen decoders raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BadPicture(f"it is damaged or cut off ({reason}); get it again") from error


def _check_webp(data: bytes) -> None:
    """Refuse a large WebP before its decoder, which makes room for all pixels as it is opened.

    Source: https://developers.google.com/speed/webp/docs/riff_container
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return
    kind, head = data[12:16], data[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(head[n : n + 3], "little") for n in (4, 7))
    elif kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (int.from_bytes(head[n : n + 2], "little") & 0x3FFF for n in (6, 8))
    _check_size(width, height)


def _check_jpeg(data: bytes) -> None:
    """Refuse a JPEG of many scans: twenty megabytes of them would be decoded for hours.

    What follows its end, such as the film that a telephone adds, is not looked at.

    Source: https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1.1
    """
    if data[:2] != b"\xff\xd8":
        return
    place, scans = 2, 0
    while (marker := _MARKER.search(data, place)) and marker[1] != _END_OF_IMAGE:
        place = marker.end()
        if marker[1] not in _WITHOUT_LENGTH:
            place += int.from_bytes(data[place : place + 2], "big")
        scans += marker[1] == _START_OF_SCAN
        if scans > MAX_SCANS:
            raise BadPicture(
                f"it is a JPEG of more than {MAX_SCANS} scans, which take long to decode; save it "
                "again"
            )


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadPicture(_too_many(f"{width} x {height}"))


def _check(picture: Image.Image) -> None:
    """Refuse a picture by its header."""
    _check_size(*picture.size)
    if getattr(picture, "is_animated", False) and picture.format not in _STILL:
        raise BadPicture("it is animated; give a still picture")
    if picture.mode == "CMYK":
        raise BadPicture(
            "its colors are for print (CMYK), and what they look like depends on a printer's "
            "profile; save it as RGB"
        )
    if picture.mode not in _MODES:
        raise BadPicture(f"its mode {picture.mode} is none of {', '.join(_MODES)}; save it as RGB")


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in RGB, with at most two others of its size in memory."""
    ImageOps.exif_transpose(picture, in_place=True)
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA"):
        clear = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        white = Image.new("RGB", clear.size, "white")
        white.paste(clear, mask=clear)
        return white
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _too_many(size: str) -> str:
    return f"it has {size} pixels, and {MAX_PIXELS:,} are the most; make it smaller"


def _unknown(data: bytes) -> str:
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return "it is empty"
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg")) or b"<svg" in start:
        return "it is a drawing (SVG), not a picture of pixels; render it to PNG"
    return "it is no PNG, JPEG, WebP or GIF, or its beginning is damaged"
