"""Modes of writing: whole documents, or `xlrec` in place, or in a companion."""

from __future__ import annotations

VERSION, IN_PLACE, COMPANION = "version", "in place", "companion"
"""Whole documents into a version of ours; the object `xlrec` into the documents of somebody else's
index; `xlrec`, and little else, into an index beside it."""
