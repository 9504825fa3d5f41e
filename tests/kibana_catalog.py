"""A catalogue in which each panel and each saved search of Kibana has something to show."""

from __future__ import annotations

from typing import Any

from catalogue import document, documents

PROVENANCE = ("own", "blended", "inherited", "none")
OLD = "0123456789ab"
"""Fingerprint of another encoder."""


def catalog_documents() -> dict[str, dict[str, Any]]:
    """The catalogue by id, and three documents with faults.

    They were written on three days, associations are of all kinds, and a fifth of the languages
    were detected. `bare` has no vector and no associations, `stray` a vector of another encoder,
    `theirs` is no document of ours.
    """
    found: dict[str, dict[str, Any]] = documents()
    for place, body in enumerate(found.values()):
        kind = PROVENANCE[place % 4]
        body["xlrec"] |= {
            "ingested_at": f"2026-01-{place % 3 + 1:02}T12:00:00Z",
            "indicators_from": kind,
            "evidence": {"own": 30.0, "blended": float(place % 7 + 1)}.get(kind, 0.0),
            "language_source": "detected" if place % 5 == 0 else "declared",
        }
    bare: dict[str, Any] = document("chess", 11, "de")
    for name in ("embedding", "indicators", "fingerprint"):
        del bare["xlrec"][name]
    stray: dict[str, Any] = document("chess", 12, "ja")
    stray["xlrec"]["fingerprint"] = OLD
    return {**found, "bare": bare, "stray": stray, "theirs": {"title": "of somebody else"}}


def own_part(body: dict[str, Any]) -> dict[str, Any]:
    """The object `xlrec` of a document; empty if it is none of ours."""
    found: dict[str, Any] = body.get("xlrec", {})
    return found
