"""A small catalog of each kind that there is a preset for, and what users did with it.

Items stand in pairs and groups that are alike in all but one field, so that one line of a preset
decides between them. Their ids say what they are. Those with `-a` come first where nothing decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from xlrec_es.configuration.presets import Line, Preset

LIKED, TARGET = "liked", "en"
OTHERS = ("A quick brown fox", "Der faule Hund", "Sliding tiles", "Ein Puzzle mit Zahlen")
GROUP = 6  # items of one value of a capped field
USERS = 12

FIELDS: Mapping[str, Mapping[str, str]] = {
    "shop": {"stock": "in_stock", "brand": "brand", "rating": "rating", "published": "released"},
    "news": {
        "published": "published_at",
        "expires": "expires_at",
        "section": "section",
        "author": "byline",
    },
    "media": {
        "expires": "available_until",
        "genre": "genres",
        "author": "artist",
        "rating": "stars",
        "published": "release_date",
    },
    "social": {"sensitive": "nsfw", "published": "posted_at", "author": "author"},
    "education": {
        "expires": "enrollment_ends",
        "provider": "provider",
        "rating": "avg_rating",
        "published": "date_added",
    },
    "travel": {
        "stock": "bookable",
        "expires": "departure",
        "destination": "city",
        "rating": "review_score",
        "published": "added",
    },
    "workplace": {
        "archived": "archived",
        "expires": "valid_until",
        "author": "owner",
        "team": "department",
        "updated": "last_modified",
    },
}
"""What each catalog calls the kinds of fields that lines of its preset need."""


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")


def plain(kind: str, id_: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """An item that no filter hides, no cap counts and no boost lifts, unless a field says so."""
    names = FIELDS[kind]
    values: dict[str, Any] = {
        "published": ago(5),
        "updated": ago(50),
        "expires": ago(-90),
        "stock": True,
        "archived": False,
        "sensitive": False,
        "rating": 3.0,
    }
    labels = dict.fromkeys(("brand", "section", "genre", "author", "provider", "destination"), id_)
    values |= labels | {"team": id_} | fields
    own = {names[role]: value for role, value in values.items() if role in names}
    return {"id": id_, "language": TARGET, "title": "The one title of all", "views": 9, **own}


def catalog(kind: str) -> list[dict[str, Any]]:
    """The records, the liked one first, which is in another language."""
    names = FIELDS[kind]
    records = [plain(kind, LIKED) | {"language": "de"}, plain(kind, "good")]
    records += [plain(kind, f"{kind}-{event}") for event in sorted(events_of(kind))]
    records += [plain(kind, "recent"), plain(kind, "long-ago")]
    if "stock" in names:
        records.append(plain(kind, "sold-out", stock=False))
    if "sensitive" in names:
        records.append(plain(kind, "marked", sensitive=True))
    if "archived" in names:
        records.append(plain(kind, "put-away", archived=True))
    if "expires" in names:
        records.append(plain(kind, "expired", expires=ago(1)))
    if "published" in names:
        records.append(plain(kind, "ancient", published=ago(40)))
    for role in ("brand", "section", "genre", "author", "provider", "destination", "team"):
        if role in names:
            records += [plain(kind, f"{role}-{n}", **{role: role}) for n in range(GROUP)]
    for n, title in enumerate(OTHERS):  # alike, all would be in the center, where no vector is
        text = {"title": title, "language": ("en", "de")[n % 2]}
        records.append(plain(kind, f"other-{n}") | text)
    records.append(plain(kind, "age-a", published=ago(13), updated=ago(200)))
    records.append(plain(kind, "age-b", published=ago(3), updated=ago(40)))
    records += [plain(kind, "twin-a"), plain(kind, "twin-b", **lifted(kind))]
    return records


def lifted(kind: str) -> dict[str, Any]:
    """What a boost of the preset asks for."""
    return {"rating": 9.5, "published": ago(0.1), "updated": ago(0.1)}


def events_of(kind: str) -> dict[str, float]:
    from xlrec_es.configuration.presets import load

    return load(kind).events


def interactions(kind: str) -> Iterator[str]:
    """Rows: users who like one item like those of `catalog` that are named after events, too.

    All at one time, but for those of `long-ago`, which are two half-lives old.
    """
    [half_life] = [line.value for line in _lines(kind) if line.option == "half_life"]
    best = max(events_of(kind), key=lambda event: events_of(kind)[event])
    yield "user\titem\tevent\ttime"
    pairs = [(f"{kind}-{event}", event, 0.0) for event in events_of(kind)]
    pairs += [(item, best, 0.0) for item in ("recent", "age-a", "age-b")]
    pairs += [("long-ago", best, 2 * float(half_life))]
    for item, event, age in pairs:
        for user in range(USERS):
            for liked, how in ((LIKED, best), (item, event)):
                yield f"{item}-{user}\t{liked}\t{how}\t{ago(age)}"


def _lines(kind: str) -> list[Line]:
    from xlrec_es.configuration.presets import load

    preset: Preset = load(kind)
    return list(preset.lines)
