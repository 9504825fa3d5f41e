"""Versions by the names that people give them."""

from __future__ import annotations

import pytest

from made_versions import BARE, LIVE, shop, version
from xlrec_es.errors import IndexNotFound
from xlrec_es.versions.inventory import Version, newest, version_named


def test_people_name_versions_as_they_like() -> None:
    assert version_named("shop", "2") == version_named("shop", "v2") == "shop-xlrec-v2"
    assert version_named("shop", "other") == "other"
    found = shop(Version("old", None, LIVE), version(2), version(10), version(11, body=BARE))
    assert newest(found).number == 10
    assert found.next_number == 12
    with pytest.raises(IndexNotFound, match="there are: old, shop-xlrec-v2"):
        found.named("shop-xlrec-v3")
    with pytest.raises(IndexNotFound, match="xlrec-ingest run"):
        newest(shop())
