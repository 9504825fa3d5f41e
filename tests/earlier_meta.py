"""`_meta.xlrec` as it was written before language centering had its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_earlier(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the key `calibration`, in the fingerprint too, and the method `centre`."""
    named, fingerprint = dict(meta), dict(meta["fingerprint"])
    centering = named.pop("centering")
    method = {"center": "centre"}.get(centering["method"], centering["method"])
    fingerprint["calibration"] = fingerprint.pop("centering")
    return {
        **named,
        "fingerprint": fingerprint,
        "calibration": {**centering, "method": method},
    }
