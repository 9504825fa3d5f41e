"""Which languages share a list, and what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catalogue import FINGERPRINT
from xlrec_es.errors import UnknownLanguage, UsageError
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.meta import IndexMeta
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.plan import Known, Plan, make_plan
from xlrec_es.recommend.profile import HistoryDocument
from xlrec_es.recommend.ranking import rank
from xlrec_es.recommend.recommendations import LanguageShare
from xlrec_es.recommend.results import finish
from xlrec_es.vectors.calibration import Calibration

LIVE = LiveIndex(
    "apps-xlrec-v1",
    IndexMeta(FINGERPRINT, Calibration.none(), dict.fromkeys(("de", "en", "ja"), "standard")),
)


def plan(options: Options, languages: list[str] | None = None) -> Plan:
    """Somebody who likes a work in English."""
    liked = HistoryDocument("gimp", "gimp", "en", "GIMP", np.asarray([1, 0, 0], np.float32))
    known = Known([liked], {"gimp": 1.0})
    return make_plan(LIVE, History.of(["gimp"]), known, languages=languages, options=options)


def answer(language: str, count: int) -> dict[str, Any]:
    hits = [
        {"_score": 0.9, "fields": {key: [f"{language}{n}"] for key in ("xlrec.id", "xlrec.work")}}
        for n in range(count)
    ]
    return {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": hits}}


@pytest.mark.parametrize(
    ("mix", "shares"),
    [
        ("equal", [("de", 2, 3), ("ja", 2, 1)]),
        ({"de": 3.0, "ja": 1.0}, [("de", 3, 3), ("ja", 1, 1)]),
        ("auto", [("de", None, 4), ("ja", None, 0)]),
    ],
)
def test_the_answer_says_how_languages_share_it(mix: Any, shares: list[Any]) -> None:  # noqa: ANN401
    options = Options(weights={"dense": 1.0}, mix=mix)
    asked = plan(options, ["de", "ja"])
    ranking = rank(asked, [answer("de", 6), answer("ja", 1)], options)
    result = finish(ranking, asked, options, size=4)
    assert result.languages == tuple(LanguageShare(*share) for share in shares)
    assert sum(share.filled for share in result.languages) == len(result.items) == 4


def test_a_language_that_is_excluded_is_never_a_target() -> None:
    options = Options(exclude=("DE",))
    assert plan(options).languages == ("ja",)
    assert plan(options, ["ja", "de", "en"]).languages == ("ja", "en")
    assert plan(Options(exclude=("de", "ja"))).languages == ("en",)
    for wrong in (["de"], []):
        with pytest.raises(UsageError, match="no target language"):
            plan(options, wrong)
    with pytest.raises(UnknownLanguage):
        plan(Options(exclude=("not a tag",)))
