from __future__ import annotations

import pytest

from ingest.run.observe.run_record import kind_of


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("line 7 is not JSON", "line # is not JSON"),
        ("400: failed to parse field [price] of type [long] in document with id 'a7'. Preview of "
         "field's value: 'about \n ten'",
         "#: failed to parse field [price] of type [long] in document with id …. Preview of "
         "field's value: …"),
        ("failed to parse date field [29.11.2026] with format [yyyy]",
         "failed to parse date field … with format …"),
        ('document "7" has no text', "document … has no text"),
    ],
)  # fmt: skip
def test_reasons_are_alike_without_what_they_quote(reason: str, kind: str) -> None:
    assert kind_of(reason) == kind


def test_a_reason_is_bounded() -> None:
    assert len(kind_of("x" * 1000)) == 300
