"""A plan and answers to it, without a server."""

from __future__ import annotations

from typing import Any

import numpy as np

from catalogue import FINGERPRINT
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.meta import IndexMeta
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.request.plan import Known, Plan, make_plan
from xlrec_es.recommend.request.profile import HistoryDocument
from xlrec_es.vectors.language_centering import LanguageCentering

LIVE = LiveIndex(
    "apps-xlrec-v1",
    IndexMeta(FINGERPRINT, LanguageCentering.none(), dict.fromkeys(("de", "en", "ja"), "standard")),
)


def plan_for(options: Options, languages: list[str] | None = None) -> Plan:
    """Somebody who likes a work that has a text in English, and in no other language."""
    liked = HistoryDocument("gimp", "gimp", "en", "GIMP", np.asarray([1, 0, 0], np.float32))
    known = Known([liked], {"gimp": 1.0})
    return make_plan(LIVE, History.of(["gimp"]), known, languages=languages, options=options)


def answer(language: str, *scores: float) -> dict[str, Any]:
    """To one search: a hit for each score."""
    hits = [
        {
            "_score": score,
            "fields": {key: [f"{language}{n}"] for key in ("xlrec.id", "xlrec.work")},
        }
        for n, score in enumerate(scores)
    ]
    return {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": hits}}
