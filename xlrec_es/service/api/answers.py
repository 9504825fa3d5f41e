"""What answers hold: for `openapi.json`. What is sent are the library's own objects."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field


class ReasonGiven(BaseModel):
    """An item of the history that spoke for a recommendation."""

    item: str
    title: str | None
    share: Annotated[float, Field(description="Its part of the score, 0 to 1.")]
    relation: Annotated[
        str | None, Field(description="How the two are related, if that was asked for.")
    ]
    tokens: Annotated[
        list[str], Field(description="Tokens that both share, if the sparse retriever was asked.")
    ]


class RetrieverGiven(BaseModel):
    """What one retriever said."""

    rank: Annotated[int, Field(description="Place in its list of this language, from 1.")]
    score: Annotated[float, Field(description="The retriever's own score.")]
    share: Annotated[float, Field(description="Its part of the fused score, 0 to 1.")]


class TrendGiven(BaseModel):
    """By how much an item trends."""

    market: Annotated[str | None, Field(description="Where; null: among all users.")]
    period: str
    users: Annotated[int, Field(description="In the recent period.")]
    expected: Annotated[float, Field(description="By the item's past and its market's growth.")]
    times: Annotated[float, Field(description="Users for each that was expected, shrunk to 1.")]
    low: Annotated[float, Field(description="Lower bound of times, of a 95% interval.")]
    high: Annotated[float, Field(description="Upper bound of times.")]
    reason: Annotated[str, Field(description="A sentence that says so.")]


class AgainGiven(BaseModel):
    """Why an item is due."""

    times: Annotated[int, Field(description="Days on which the user bought it.")]
    days: Annotated[float, Field(description="Since they bought it last.")]
    gap_days: Annotated[float, Field(description="After which they typically buy it again.")]
    chance: Annotated[float, Field(description="That they buy it in the time ahead.")]
    reason: Annotated[str, Field(description="A sentence that says so.")]


class ItemGiven(BaseModel):
    """One recommended document."""

    id: Annotated[str, Field(description="Of the document.")]
    work: Annotated[str, Field(description="Of the item, shared by its language versions.")]
    language: str
    score: Annotated[float, Field(description="Comparable within one answer.")]
    title: str | None
    retrievers: dict[str, RetrieverGiven]
    reasons: list[ReasonGiven]
    source: Annotated[dict[str, Any], Field(description="The fields that were asked for.")]
    propensity: Annotated[float, Field(description="Probability of being shown.")]
    pinned: Annotated[bool, Field(description="Whether a placement gave it its place.")]
    trend: Annotated[
        TrendGiven | None, Field(description="Where a placement lists what trends.")
    ] = None
    again: Annotated[
        AgainGiven | None, Field(description="Where a placement lists what may be bought again.")
    ] = None


class LanguageGiven(BaseModel):
    """How a target language fared."""

    language: str
    slots: Annotated[int | None, Field(description="Meant for it; null: by score.")]
    filled: int


class PlacementUsedGiven(BaseModel):
    """What a list was made by; send it with what was shown."""

    name: str
    version: int
    variant: Annotated[str | None, Field(description="Of its experiment; null without one.")]


class RecommendationsGiven(BaseModel):
    """A list, best first."""

    items: list[ItemGiven]
    index: Annotated[str, Field(description="The version that answered.")]
    fingerprint: Annotated[str, Field(description="Digest of what made its vectors.")]
    unknown_items: list[str]
    notes: Annotated[list[str], Field(description="What was left out, and why.")]
    degraded: Annotated[list[str], Field(description="What failed; empty if all is well.")]
    languages: list[LanguageGiven]
    cursor: Annotated[str | None, Field(description="For the next page: after.")]
    placement: PlacementUsedGiven | None


class TrendingItemGiven(ItemGiven):
    """A document that trends."""

    trend: TrendGiven  # never null here


class TrendingGiven(RecommendationsGiven):
    """What trends, the strongest first; nothing where nothing does."""

    items: list[TrendingItemGiven]  # type: ignore[assignment]


class AgainItemGiven(ItemGiven):
    """A document that a user may buy again."""

    again: AgainGiven  # never null here


class BuyAgainGiven(RecommendationsGiven):
    """What a user may buy again, the most due first."""

    items: list[AgainItemGiven]  # type: ignore[assignment]


class ProblemGiven(BaseModel):
    """What is wrong, as of RFC 9457."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(description="A sentence: what is wrong, and what to do.")]
    items: Annotated[list[str] | None, Field(description="Ids that the index does not have.")] = (
        None
    )
    faults: Annotated[
        list[str] | None, Field(description="All that is wrong with a placement.")
    ] = None
    version: Annotated[
        int | None, Field(description="The one that a placement has, where another was expected.")
    ] = None


class UserGiven(BaseModel):
    """The list of one user of a batch, or why there is none."""

    recommendations: RecommendationsGiven | None = None
    problem: ProblemGiven | None = None


class BatchGiven(BaseModel):
    """For each user, in the order of the request."""

    users: list[UserGiven]


class RequestGiven(BaseModel):
    """One search."""

    language: str
    retriever: str
    body: dict[str, Any]


class QueryGiven(BaseModel):
    """The searches of a recommendation."""

    console: Annotated[str, Field(description="For Kibana's console.")]
    requests: list[RequestGiven]


class AcceptedGiven(BaseModel):
    """What is kept, and will be in Elasticsearch."""

    accepted: int
    ids: list[str]


class IndexGiven(BaseModel):
    """One index of the service."""

    name: str
    version: Annotated[str, Field(description="The physical index behind the name.")]
    languages: Annotated[list[str], Field(description="Those of its documents.")]
    associations: Annotated[bool, Field(description="Whether associations were learned.")]
    encoder: str
    placements: Annotated[list[str], Field(description="Names of those that may be read.")]


class IndicesGiven(BaseModel):
    """What the service serves."""

    indices: list[IndexGiven]
    events: Annotated[bool, Field(description="Whether it keeps events and reads histories.")]
    impressions: bool
    texts: Annotated[bool, Field(description="Whether it can encode texts.")]
    samples: dict[str, list[str]]


class StateGiven(BaseModel):
    """Whether the service is well."""

    status: str
