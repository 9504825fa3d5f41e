"""Cross-language recommendations inside the Elasticsearch that a team already runs."""

from xlrec_es.client import Connection, connect
from xlrec_es.errors import XlrecError
from xlrec_es.history import WeightRules
from xlrec_es.plan import Options
from xlrec_es.query import Boost, SearchOptions
from xlrec_es.recency import Recency
from xlrec_es.recommend import AsyncRecommender, Recommender
from xlrec_es.types import (
    History,
    Interaction,
    LanguageShare,
    LegScore,
    Reason,
    Recommendation,
    Recommendations,
)

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
