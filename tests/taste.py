"""A small world in which taste is to be learned: four topics, whose words no two languages share.

A model that has not seen who likes what cannot know that "Schach" and "素早い狐" go together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from ingest.cli.main import main
from ingest.finetune.data.pairs import PairsJob, assemble
from ingest.finetune.data.training_set import Documents, TrainingSet
from xlrec_es.evaluate.protocol import split
from xlrec_es.interactions.likes import read_likes

WORDS = {
    "en": ("chess", "astronomy", "painting", "cooking"),
    "de": ("Schach", "Sternkunde", "Malerei", "Kochkunst"),
    "ja": ("素早い狐", "茶色の犬", "数字のタイル", "パズルゲーム"),
}
NAMES = ("fox", "Hund", "リス", "puzzle", "Zahl", "tuile", "gato", "лиса")
WORKS_PER_TOPIC = 12

SHORT = ("--layers", "all", "--learning-rate", "3e-3", "--batch-size", "32", "--dtype", "float32")
"""Options with which a tiny model learns this world in some 60 steps."""


def works() -> Iterator[tuple[str, str, str]]:
    """Work, language and text; each work is in one language, in turn."""
    for topic in range(len(WORDS["en"])):
        for number in range(WORKS_PER_TOPIC):
            language = sorted(WORDS)[number % len(WORDS)]
            name = NAMES[(topic + number) % len(NAMES)]
            yield f"{topic}-{number:02}", language, f"{WORDS[language][topic]} {name} {number}"


def write_likes(path: Path, users: int = 160) -> Path:
    """Each user likes most of a topic's works."""
    rng = np.random.default_rng(0)
    lines = ["user\titem"]
    for user in range(users):
        topic = str(user % len(WORDS["en"]))
        lines += [f"p{user}\t{w}" for w, *_ in works() if w[0] == topic and rng.random() < 0.7]
    path.write_text("\n".join(lines) + "\n")
    return path


def training_set(folder: Path) -> TrainingSet:
    """Pairs of this world."""
    made = sorted(works())
    likes = read_likes(write_likes(folder / "likes.tsv"), {work: work for work, *_ in made})
    documents = Documents(
        np.arange(len(made)),
        tuple(language for _, language, _ in made),
        tuple(text for *_, text in made),
    )
    return assemble(PairsJob(Path(), "taste"), documents, likes, split(likes))


def finetune(pairs: Path, folder: Path, model: Path, *more: object) -> Result:
    """Fine-tune by the command."""
    arguments = ("finetune", pairs, "-o", folder, "--model", model, "--device", "cpu", *more)
    return CliRunner().invoke(main, [str(argument) for argument in arguments])
