"""What can be said of pictures, and what contradicts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingest.images.options import ImageOptions
from xlrec_es.errors import ConfigError


def chosen(field: str | None, model: str | None, **given: Any) -> ImageOptions | None:  # noqa: ANN401 - of any option
    rest = {"root": None, "hosts": (), "revision": None, "device": "auto", **given}
    return ImageOptions.chosen(field, model, **rest)


def test_nothing_said_is_no_pictures() -> None:
    assert chosen(None, None) is None


def test_hosts_are_compared_in_small_letters(tmp_path: Path) -> None:
    options = chosen("icon", "m", root=tmp_path, hosts=("CDN.Example.com:8080", "[::1]:80"))
    assert options == ImageOptions("icon", "m", tmp_path, ("cdn.example.com:8080", "[::1]:80"))


@pytest.mark.parametrize(
    ("field", "model", "given", "reason"),
    [
        (None, "m", {}, "--image-model is for pictures; name their field with --image"),
        (None, None, {"root": Path()}, "--image-root is for pictures"),
        (None, None, {"hosts": ("a",)}, "--image-host is for pictures"),
        ("icon", None, {}, "--image needs --image-model"),
        ("icon", "m", {"root": Path("/none/such")}, "--image-root /none/such is no folder"),
        ("icon", "m", {"hosts": ("https://a.b",)}, "--image-host 'https://a.b' is no host"),
        ("icon", "m", {"hosts": ("a/b",)}, "is no host"),
        ("icon", "m", {"hosts": ("u@a",)}, "is no host"),
    ],
)
def test_contradictions_are_refused(
    field: str | None, model: str | None, given: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        chosen(field, model, **given)
