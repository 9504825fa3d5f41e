"""Cross-language recommendations inside the Elasticsearch that a team already runs."""

from typing import TYPE_CHECKING

from xlrec_es.errors import XlrecError

# Elasticsearch's client and numpy take most of a second to import, and `--help` needs neither: a
# name is imported when it is first asked for (PEP 562). Type checkers read the imports.
if TYPE_CHECKING:
    from xlrec_es.cluster.connection import Connection, connect
    from xlrec_es.interactions.by_user import InteractionFile
    from xlrec_es.interactions.event_source import EventSource
    from xlrec_es.interactions.history import History, Interaction
    from xlrec_es.interactions.impressions import Shown
    from xlrec_es.interactions.weighting import WeightRules
    from xlrec_es.recommend.options import Boost, Options, Recency, SearchOptions
    from xlrec_es.recommend.recommendations import (
        LanguageShare,
        Reason,
        Recommendation,
        Recommendations,
        RetrieverScore,
    )
    from xlrec_es.recommend.recommender import AsyncRecommender, Recommender
    from xlrec_es.relations.buy_again import AgainQuestion, BuyAgain
    from xlrec_es.relations.periods import Periods
    from xlrec_es.relations.trending import TrendQuestion, Trends
else:
    _MODULES = {
        "AgainQuestion": "xlrec_es.relations.buy_again",
        "AsyncRecommender": "xlrec_es.recommend.recommender",
        "Boost": "xlrec_es.recommend.options",
        "BuyAgain": "xlrec_es.relations.buy_again",
        "Connection": "xlrec_es.cluster.connection",
        "EventSource": "xlrec_es.interactions.event_source",
        "History": "xlrec_es.interactions.history",
        "Interaction": "xlrec_es.interactions.history",
        "InteractionFile": "xlrec_es.interactions.by_user",
        "LanguageShare": "xlrec_es.recommend.recommendations",
        "RetrieverScore": "xlrec_es.recommend.recommendations",
        "Options": "xlrec_es.recommend.options",
        "Periods": "xlrec_es.relations.periods",
        "Reason": "xlrec_es.recommend.recommendations",
        "Recency": "xlrec_es.recommend.options",
        "Recommendation": "xlrec_es.recommend.recommendations",
        "Recommendations": "xlrec_es.recommend.recommendations",
        "Recommender": "xlrec_es.recommend.recommender",
        "SearchOptions": "xlrec_es.recommend.options",
        "Shown": "xlrec_es.interactions.impressions",
        "TrendQuestion": "xlrec_es.relations.trending",
        "Trends": "xlrec_es.relations.trending",
        "WeightRules": "xlrec_es.interactions.weighting",
        "connect": "xlrec_es.cluster.connection",
    }

    def __getattr__(name: str) -> object:
        if name == "LegScore":  # its name before 1.0
            import warnings

            warnings.warn("LegScore is called RetrieverScore now", DeprecationWarning, stacklevel=2)
            name = "RetrieverScore"
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return found

    def __dir__() -> list[str]:
        return __all__


__version__ = "0.1.0"

__all__ = [
    "AgainQuestion",
    "AsyncRecommender",
    "Boost",
    "BuyAgain",
    "Connection",
    "EventSource",
    "History",
    "Interaction",
    "InteractionFile",
    "LanguageShare",
    "Options",
    "Periods",
    "Reason",
    "Recency",
    "Recommendation",
    "Recommendations",
    "Recommender",
    "RetrieverScore",
    "SearchOptions",
    "Shown",
    "TrendQuestion",
    "Trends",
    "WeightRules",
    "XlrecError",
    "__version__",
    "connect",
]
