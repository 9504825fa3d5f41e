from __future__ import annotations

from pathlib import Path

import pytest

from fakes import HashEncoder
from ingest.encode.checkpoint.license import license_note, license_of, license_warning


class Licensed(HashEncoder):
    """An encoder that tells the license of its weights."""

    license: str | None = None


def licensed(named: str | None) -> Licensed:
    encoder = Licensed()
    encoder.license = named
    return encoder


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("---\nlicense: mit\n---\n# A model", "mit"),
        ("---\nlicense: other\nlicense_name: gemma\n---\n", "gemma"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\nlanguage: de\n---\n", None),
        ("---\nlicense: [\n---\n", None),
        ("no metadata", None),
    ],
)
def test_the_card_tells_the_license(tmp_path: Path, card: str, expected: str | None) -> None:
    (tmp_path / "README.md").write_text(card, "utf-8")
    assert license_of(tmp_path) == expected


def test_a_model_without_a_card_has_no_known_license(tmp_path: Path) -> None:
    assert license_of(tmp_path) is None


@pytest.mark.parametrize(
    "named", ["cc-by-nc-4.0", "CC-BY-NC-SA-4.0", "non-commercial", "apple-research"]
)
def test_a_license_against_commercial_use_is_a_warning(named: str) -> None:
    told = license_warning(licensed(named))
    assert told is not None
    assert f"hash are licensed for non-commercial use ({named})" in told


@pytest.mark.parametrize("named", [None, "mit", "apache-2.0", "cc-by-4.0", "gemma", "encore"])
def test_others_are_none(named: str | None) -> None:
    assert license_warning(licensed(named)) is None


def test_an_index_remembers_what_is_known() -> None:
    assert license_note(licensed("mit")) == {"license": "mit"}
    assert license_note(licensed(None)) == {}
    assert license_note(HashEncoder()) == {}
