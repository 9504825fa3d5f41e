"""What requests for placements hold, and what they are answered."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from xlrec_es.placements.placement import MAX_SIZE, MAX_VARIANTS
from xlrec_es.placements.preview import USERS
from xlrec_es.recommend.curation import MAX_PINS, MAX_PLACE
from xlrec_es.service.api.questions import (
    Fraction,
    Id,
    Languages,
    Query,
    Strict,
    Unsaid,
    UserAsked,
)


class PinAsked(Strict):
    """An item at a place of its own."""

    item: Id
    place: Annotated[int, Field(ge=1, le=MAX_PLACE)]


class BuryAsked(Strict):
    """Items that come last, or weigh little: an item or a query."""

    item: Id | None = None
    query: Query | None = None
    factor: Annotated[float, Field(ge=0, lt=1, description="0: after everything else.")] = 0.0


class VariantAsked(Strict):
    """One of the options that are compared."""

    share: Fraction
    options: Unsaid


class PlacementAsked(Strict):
    """What is decided of one shelf."""

    options: Unsaid
    languages: Languages = None
    size: Annotated[int | None, Field(ge=1, le=MAX_SIZE)] = None
    exclude_items: Annotated[list[Id] | None, Field(max_length=10_000)] = None
    pins: Annotated[list[PinAsked] | None, Field(max_length=MAX_PINS)] = None
    buries: Annotated[
        list[Annotated[Id | BuryAsked, Field(title="BuriedItem")]] | None, Field(max_length=1000)
    ] = None
    variants: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=128)], VariantAsked] | None,
        Field(max_length=MAX_VARIANTS, description="Of an experiment; shares add up to 1."),
    ] = None
    salt: Annotated[
        Annotated[str, Field(min_length=1, max_length=128)] | None,
        Field(description="Users are divided again where it changes. Without it: the name."),
    ] = None
    note: Annotated[str | None, Field(max_length=1000)] = None

    def definition(self) -> dict[str, Any]:
        """What was said, and no more."""
        said = self.model_dump(exclude_unset=True)
        return {name: value for name, value in said.items() if value is not None}


class RollbackAsked(Strict):
    """Which version is brought back."""

    to: Annotated[
        int | None, Field(ge=1, description="Its number. Without it: the one before.")
    ] = None
    force: Annotated[
        bool, Field(description="Bring it back whatever is wrong with it; warnings tell.")
    ] = False


class PreviewAsked(Strict):
    """A change, and whom to try it on."""

    placement: Annotated[
        PlacementAsked | None,
        Field(description="What would be written. Without it: the last change is shown."),
    ] = None
    users: Annotated[
        list[UserAsked] | None,
        Field(max_length=USERS, description="Without them: the samples, else users of the events."),
    ] = None
    languages: Languages = None
    size: Annotated[int | None, Field(ge=1, le=100)] = None


class VersionGiven(BaseModel):
    """A placement as it was written."""

    number: int
    time: str
    author: str
    definition: Annotated[dict[str, Any] | None, Field(description="null: it was deleted.")]
    restores: Annotated[int | None, Field(description="The version that it brought back.")]


class PlacementGiven(BaseModel):
    """A placement that is kept."""

    index: str
    name: str
    current: VersionGiven
    versions: Annotated[list[VersionGiven], Field(description="The last twenty, oldest first.")]


class PlacementsGiven(BaseModel):
    """The placements of an index, without their earlier versions."""

    placements: list[PlacementGiven]


class WrittenGiven(BaseModel):
    """What was written, and what was seen of it."""

    placement: Annotated[PlacementGiven | None, Field(description="null after a dry run.")]
    warnings: list[str]
    documents: Annotated[
        dict[str, int], Field(description="How many the filters leave, by target language.")
    ]


class SeenItemGiven(BaseModel):
    """An item of a list."""

    id: str
    title: str | None
    language: str
    pinned: bool


class PreviewedGiven(BaseModel):
    """What one user gets before and after a change."""

    user: str
    before: list[SeenItemGiven]
    after: list[SeenItemGiven]
    added: Annotated[int, Field(description="Items that are only after it.")]
    moved: Annotated[int, Field(description="Items of both, at other places among these.")]
    variant: Annotated[str | None, Field(description="After it.")]
    problem: Annotated[str | None, Field(description="Why there is no list.")]


class PreviewGiven(BaseModel):
    """What users get before and after a change."""

    users: list[PreviewedGiven]
    warnings: list[str]
