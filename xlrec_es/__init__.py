"""Cross-language recommendations inside the Elasticsearch that a team already runs."""

from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import XlrecError
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.interactions.weighting import WeightRules
from xlrec_es.recommend.options import Boost, Options, Recency, SearchOptions
from xlrec_es.recommend.recommendations import (
    LanguageShare,
    LegScore,
    Reason,
    Recommendation,
    Recommendations,
)
from xlrec_es.recommend.recommender import AsyncRecommender, Recommender

__version__ = "0.1.0"

__all__ = [
    "AsyncRecommender",
    "Boost",
    "Connection",
    "History",
    "Interaction",
    "LanguageShare",
    "LegScore",
    "Options",
    "Reason",
    "Recency",
    "Recommendation",
    "Recommendations",
    "Recommender",
    "SearchOptions",
    "WeightRules",
    "XlrecError",
    "__version__",
    "connect",
]
