"""A small shop whose complements, substitutes and staples are known, for what is bought together.

Items come in themes of two sides, such as cameras and their bags. Within a side all are
substitutes: users look at several and buy one. With it they buy one of the other side, a
complement, and every second time the one that is made for it. Staples are in every other basket,
whatever else is. One item of each side is new: it is in another language, nobody has met it, and
only its vector says which others it is like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

THEMES = 20
WARM = 8
"""Substitutes in a side that users know; one more is new."""

STAPLES = 12
RARE = 60
DIMS = 32
LANGUAGES = ("de", "en")
NEW_LANGUAGE = "ja"
_START_S = 1_767_225_600  # 2026-01-01
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Row:
    """Something that a user did."""

    user: str
    item: str
    event: str
    time: int
    order: str


def side(theme: int, which: str) -> list[str]:
    """The substitutes of one side of a theme; the last is new."""
    return [f"{theme:02}{which}{number}" for number in range(WARM + 1)]


def is_new(item: str) -> bool:
    """Whether nobody has met it."""
    return item[:2].isdigit() and item.endswith(str(WARM))


def complements(item: str) -> list[str]:
    """What is planted to be bought with an item; staples and rare items have none."""
    return side(int(item[:2]), "ab"[item[2] == "a"]) if item[:2].isdigit() else []


def partner(item: str) -> str:
    """The one of its complements that is made for it, and is bought with it most often."""
    return complements(item)[int(item[3:])]


def substitutes(item: str) -> list[str]:
    """What is planted to be bought in its place."""
    return [other for other in side(int(item[:2]), item[2:3]) if other != item]


def items() -> dict[str, str]:
    """Language by item."""
    sides = [item for theme in range(THEMES) for which in "ab" for item in side(theme, which)]
    others = [f"staple-{n}" for n in range(STAPLES)] + [f"rare-{n}" for n in range(RARE)]
    return {
        item: NEW_LANGUAGE if is_new(item) else LANGUAGES[number % 2]
        for number, item in enumerate([*sides, *others])
    }


def vectors(seed: int = 0) -> dict[str, np.ndarray]:
    """A unit vector of each item, shape (DIMS,): substitutes are near each other, new ones too."""
    rng = np.random.default_rng([seed, 1])
    categories = rng.normal(size=(2, THEMES // 5, DIMS))  # five themes have one category
    sides = rng.normal(size=(2, THEMES, DIMS))
    found = {}
    for item in items():
        own = rng.normal(size=DIMS)
        if item[:2].isdigit():
            theme, which = int(item[:2]), "ab".index(item[2])
            own = categories[which, theme // 5] + 0.8 * sides[which, theme] + 0.4 * own
        found[item] = (own / np.linalg.norm(own)).astype(np.float32)
    return found


def rows(seed: int = 0, users: int = 1000, sessions: int = 8) -> Iterator[Row]:
    """What users look at and buy, session by session."""
    rng = np.random.default_rng([seed, 0])
    heavy = 1 / np.arange(1, WARM + 1)
    heavy /= heavy.sum()
    often = np.linspace(0.6, 0.15, STAPLES)
    every = [item for item in items() if not is_new(item)]
    for user in range(users):
        interests = rng.choice(THEMES, 3, replace=False)
        for session in range(sessions):
            theme, which = int(rng.choice(interests)), "ab"[rng.integers(2)]
            time = _START_S + int(rng.integers(300)) * _DAY_S + session * 3600
            seen = rng.choice(side(theme, which)[:WARM], 3, replace=False, p=heavy)
            viewed, bought = list(seen), []
            if rng.random() < 0.7:
                bought.append(seen[0])
                if rng.random() < 0.5:
                    fitting = partner(seen[0])
                    if rng.random() < 0.5:
                        fitting = rng.choice(complements(seen[0])[:WARM], p=heavy)
                    viewed.append(fitting)
                    bought.append(fitting)
                bought += [f"staple-{n}" for n in np.flatnonzero(rng.random(STAPLES) < often)]
                bought += list(rng.choice(every, rng.integers(3), replace=False))
            name, order = f"u{user}", f"o{user}-{session}"
            for event, some in (("view", viewed), ("purchase", dict.fromkeys(bought))):
                for item in some:
                    yield Row(name, str(item), event, time, order)


def write(path: Path, seed: int = 0, **size: int) -> Path:
    """The rows as a file of tab-separated values, with the order in the column `order_id`."""
    lines = ["user\titem\tevent\ttime\torder_id"]
    lines += [f"{r.user}\t{r.item}\t{r.event}\t{r.time}\t{r.order}" for r in rows(seed, **size)]
    path.write_text("\n".join(lines) + "\n")
    return path
