"""What requests may hold. The names are those of the library."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from xlrec_es.index.fields import RELATIONS
from xlrec_es.interactions.history import ABSURD
from xlrec_es.placements.placement import MAX_NAME, NAME
from xlrec_es.recommend.options import AUTO, EQUAL, FUSIONS
from xlrec_es.recommend.similarity import ASKED_FOR
from xlrec_es.relations.buy_again import WINDOW_DAYS
from xlrec_es.relations.periods import MOST_PAST

MAX_IDS = 10_000
MAX_BATCH = 100
MAX_BATCH_IDS = 50_000
"""Of all histories of a batch: while they are made sense of, other callers wait."""
MAX_ID_BYTES = 512
"""Of a document's id, as Elasticsearch bounds it: a bulk request with a longer one fails whole."""

_PLACE_BYTES = len("-1000")
"""What an item's place adds to the id of a list that was shown."""


def _short(most: int) -> AfterValidator:
    """Bounds the bytes of a text, which may be more than its characters."""

    def check(text: str) -> str:
        if len(text.encode()) > most:
            raise ValueError(f"takes more than {most} bytes in UTF-8")
        return text

    return AfterValidator(check)


Id = Annotated[str, Field(min_length=1, max_length=512)]
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Name = Annotated[str, Field(pattern=NAME, max_length=MAX_NAME)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Tag = Annotated[str, Field(pattern=r"^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$", max_length=64)]
Moment = Annotated[datetime, Field(strict=False)]
Rating = Annotated[float, Field(ge=-ABSURD, le=ABSURD)]
Positive = Annotated[float, Field(gt=0)]
Languages = Annotated[
    list[Tag] | dict[Tag, Positive] | None,
    Field(
        description="Target languages with their variants (zh: zh-CN too), or the part of the "
        'slots of each: {"ja": 0.7, "de": 0.3}. Without it: those of the index that the history '
        "is not in.",
    ),
]
Query = Annotated[dict[str, Any], Field(description="An Elasticsearch query.")]


class Strict(BaseModel):
    """Refuses what it does not know, and a text or a truth value in place of a number."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class InteractionAsked(Strict):
    """One thing that the user did."""

    item: Id
    event: Annotated[str, Field(max_length=128)] = "view"
    weight: Rating | None = None
    rating: Rating | None = None
    time: Moment | None = None
    dwell_s: Annotated[float | None, Field(ge=0)] = None


class RecencyAsked(Strict):
    """How popularity fades."""

    field: str
    half_life: str = "30d"


class BoostAsked(Strict):
    """A factor for what matches a query."""

    query: Query
    factor: Positive


class OptionsAsked(Strict):
    """How recommendations are made: `Options` and `SearchOptions` of the library.

    Filters are in addition to those of the service; everything else takes the place of its own.
    """

    weights: dict[str, float] | None = None
    fusion: Annotated[str | None, Field(json_schema_extra={"enum": [*FUSIONS, None]})] = None
    mix: Annotated[str | None, Field(json_schema_extra={"enum": [AUTO, EQUAL, None]})] = None
    exclude: list[Tag] | None = None
    diversity: Fraction | None = None
    explore: Fraction | None = None
    explain: bool | None = None
    push: Fraction | None = None
    max_interests: Annotated[int | None, Field(ge=1, le=1000)] = None
    search_weights: dict[str, float] | None = None
    filters: Annotated[list[Query] | None, Field(max_length=100)] = None
    boosts: Annotated[list[BoostAsked] | None, Field(max_length=100)] = None
    caps: dict[str, int] | None = None
    source: Annotated[list[str] | None, Field(max_length=100)] = None
    collapse: bool | None = None
    market: str | None = None
    relation: Annotated[str | None, Field(json_schema_extra={"enum": [*RELATIONS, None]})] = None
    recent: RecencyAsked | None = None
    min_similarity: Annotated[float | None, Field(ge=-1, le=1)] = None
    candidates: Annotated[int | None, Field(ge=1, le=1000)] = None
    num_candidates: Annotated[int | None, Field(ge=1, le=10_000)] = None
    exact: bool | None = None


Unsaid = Annotated[
    OptionsAsked, Field(default_factory=OptionsAsked, json_schema_extra={"default": {}})
]
"""Options, made for each request that has none: a default would be copied, field by field."""


class Asked(Strict):
    """What every question may hold."""

    index: Annotated[str | None, Field(description="One of those that the service serves.")] = None
    languages: Languages = None
    options: Unsaid


class ListAsked(Asked):
    """What every question for a list may hold."""

    size: Annotated[int, Field(ge=1, le=1000)] = 10


class PlacedAsked(ListAsked):
    """What every question for a list by a placement may hold."""

    placement: Annotated[
        Name | None,
        Field(
            description="Its options, rules, size and languages hold. The user, history, size, "
            "pages and what was shown are the call's; languages may be some of its own."
        ),
    ] = None


class UserAsked(Strict):
    """A user: by id, by history, or both."""

    user: Annotated[
        Id | None, Field(description="Its history is read from the index of events.")
    ] = None
    history: Annotated[
        list[Annotated[Id | InteractionAsked, Field(title="HistoryItem")]],
        Field(max_length=MAX_IDS, description="What the user did."),
    ] = []
    texts: Annotated[
        list[Text], Field(max_length=100, description="What the user likes, in words.")
    ] = []
    known_languages: Annotated[
        list[Tag] | None, Field(description="In which languages the user knows items.")
    ] = None


class ShownAsked(Strict):
    """What the user was shown lately, read from the index of impressions."""

    user: Id
    window: str = "1d"
    half_life: str = "7d"


class RecommendAsked(PlacedAsked, UserAsked):
    """Recommendations for a user."""

    page: Annotated[int, Field(ge=1, le=100)] = 1
    after: Annotated[
        str | None,
        Field(min_length=1, max_length=100_000, description="`cursor` of the page before."),
    ] = None
    shown: Annotated[
        list[Id] | ShownAsked | None,
        Field(description="What the user saw and did not take; it comes last."),
    ] = None


class SimilarAsked(ListAsked):
    """Items similar to one."""

    item: Id
    measure: Annotated[str | None, Field(json_schema_extra={"enum": [*ASKED_FOR, None]})] = None


class RankAsked(Asked, UserAsked):
    """Given items in the order of a user."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=1000)]


class SearchAsked(ListAsked, UserAsked):
    """A search for words, in the order of a user."""

    text: Annotated[str, Field(min_length=1, max_length=500)]
    query_language: Tag | None = None
    exclude_seen: bool = False


def _bounded_histories(users: list[UserAsked]) -> list[UserAsked]:
    ids = sum(len(user.history) for user in users)
    if ids > MAX_BATCH_IDS:
        raise ValueError(
            f"their histories have {ids} ids together; send at most {MAX_BATCH_IDS} at once"
        )
    return users


class BatchAsked(PlacedAsked):
    """Recommendations for several users."""

    users: Annotated[
        list[UserAsked],
        Field(min_length=1, max_length=MAX_BATCH),
        AfterValidator(_bounded_histories),
    ]


class TrendingAsked(PlacedAsked):
    """What trends: `options.market` says where."""

    user: Annotated[Id | None, Field(description="Items of the user's events are left out.")] = None
    history: Annotated[
        list[Id], Field(max_length=MAX_IDS, description="Items that are left out.")
    ] = []
    period: Annotated[
        str,
        Field(
            max_length=16, description="What is recent: 7d, 12h. Earlier ones begin weeks before."
        ),
    ] = "7d"
    past: Annotated[int, Field(ge=2, le=MOST_PAST, description="Earlier periods.")] = 4


class BuyAgainAsked(PlacedAsked):
    """What a user may buy again."""

    user: Annotated[Id | None, Field(description="Its purchases are read.")] = None
    history: Annotated[
        list[InteractionAsked],
        Field(max_length=MAX_IDS, description="Purchases with their times."),
    ] = []
    ahead_days: Annotated[
        float, Field(gt=0, le=WINDOW_DAYS, description="How far ahead is looked.")
    ] = 7.0


class GivenBack(Strict):
    """A part of an answer, as it was given: what is not needed of it is passed over."""

    model_config = ConfigDict(extra="ignore")


class RetrieverTold(GivenBack):
    """What a retriever said of an item that was shown."""

    rank: int


Retrievers = Annotated[
    dict[Annotated[str, Field(max_length=64)], RetrieverTold], Field(max_length=32)
]
ListId = Annotated[str, Field(min_length=1, max_length=480), _short(MAX_ID_BYTES - _PLACE_BYTES)]


class ItemShown(GivenBack):
    """An item of an answer, as it was given."""

    id: Id
    work: Annotated[str | None, Field(max_length=512)] = None
    language: Annotated[str | None, Field(max_length=64)] = None
    score: Annotated[float | None, Field(allow_inf_nan=False)] = None
    propensity: Annotated[float, Field(gt=0, le=1)] = 1.0
    retrievers: Retrievers = {}


class PlacementTold(GivenBack):
    """`placement` of an answer, as it was given."""

    name: Name
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    variant: Annotated[str | None, Field(max_length=128)] = None


class ShownTold(GivenBack):
    """A place in a list that was shown: what `/v1/impressions` was told of it."""

    query_id: Annotated[ListId, Field(description="The `id` of the list.")]
    place: Annotated[int, Field(ge=1, le=1000)]
    variant: Annotated[str | None, Field(max_length=128)] = None
    placement: PlacementTold | None = None
    language: Annotated[str | None, Field(max_length=64)] = None
    retrievers: Retrievers = {}


class EventTold(Strict):
    """What a user did."""

    user: Id
    item: Id
    event: Annotated[str, Field(min_length=1, max_length=128)] = "view"
    rating: Rating | None = None
    dwell_s: Annotated[float | None, Field(ge=0)] = None
    market: Annotated[
        Id | None, Field(description="Such as a country, where something may trend.")
    ] = None
    shown: Annotated[
        ShownTold | None, Field(description="Where in which list the user was shown it.")
    ] = None
    time: Annotated[Moment | None, Field(description="Without it: now.")] = None
    id: Annotated[
        Annotated[Id, _short(MAX_ID_BYTES)] | None,
        Field(
            description="Sent again with the same id, an event is kept once. Without it: one for "
            "each event of a place in a list, else a new one."
        ),
    ] = None


class EventsTold(Strict):
    """Events, in any order."""

    events: Annotated[list[EventTold], Field(min_length=1, max_length=1000)]


class ImpressionsTold(Strict):
    """A list that was shown to a user."""

    user: Id
    variant: Annotated[
        Annotated[str, Field(max_length=128)] | None,
        Field(description="Without it: the placement's, else default."),
    ] = None
    placement: PlacementTold | None = None
    index: Annotated[str | None, Field(max_length=512)] = None
    fingerprint: Annotated[str | None, Field(max_length=512)] = None
    items: Annotated[list[ItemShown], Field(min_length=1, max_length=1000)]
    languages: Annotated[Languages, Field(description="That were asked for.")] = None
    degraded: Annotated[
        list[Annotated[str, Field(max_length=4096)]],
        Field(max_length=100, description="Of the answer, as it came."),
    ] = []
    time: Annotated[Moment | None, Field(description="Without it: now.")] = None
    id: Annotated[
        ListId | None,
        Field(description="Sent again with the same id, a list is kept once."),
    ] = None
