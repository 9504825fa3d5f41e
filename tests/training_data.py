"""A training set of four topics in three languages, and users to measure on; no cluster."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from ingest.finetune.data.training_set import CO_ENGAGED, SCHEMAS, Documents, TrainingSet
from ingest.finetune.release.in_memory_evaluation import Examination
from xlrec_es.evaluate.protocol import Case

# Words that the tiny model's tokenizer has seen; each topic in three languages.
TOPICS = {
    "animals": {
        "en": "quick brown fox lazy dog",
        "de": "schnelle braune Fuchs faulen Hund",
        "ja": "素早い 茶色の狐 のろまな犬",
    },
    "puzzles": {
        "en": "puzzle game sliding tiles numbers",
        "de": "Puzzle Kacheln Zahlen",
        "ja": "数字のタイル 動かす パズルゲーム",
    },
    "jumps": {
        "en": "jumps over the",
        "de": "springt über den",
        "ja": "飛び越える 動かす",
    },
    "colours": {
        "en": "brown quick the numbers",
        "de": "braune schnelle und Zahlen",
        "ja": "茶色の 素早い 数字の",
    },
}
LANGUAGES = ("de", "en", "ja")
WORKS_PER_TOPIC = 39
USERS = 80


def make_training_set(*, seed: int = 0) -> TrainingSet:
    """Each user likes one topic; a third of the works of each topic have all three languages."""
    rng = np.random.default_rng(seed)
    works = tuple(sorted(f"{topic}-{n}" for topic in TOPICS for n in range(WORKS_PER_TOPIC)))
    numbers = {work: number for number, work in enumerate(works)}
    rows = [
        (numbers[work], language, _text(rng, work, language))
        for work in works
        for language in _languages(work)
    ]
    documents = Documents(
        np.array([number for number, _, _ in rows], np.int64),
        tuple(language for _, language, _ in rows),
        tuple(text for *_, text in rows),
    )
    likes, cases = _likes_and_cases(rng)
    users = np.bincount([numbers[work] for _, work in likes], minlength=len(works))
    same = np.array([[a.split("-")[0] == b.split("-")[0] for b in works] for a in works])
    np.fill_diagonal(same, val=False)
    return TrainingSet(
        pairs=_pairs(documents, works),
        works=works,
        documents=documents,
        users=users,
        together=csr_array(same.astype(np.float32)),
        likes=pa.Table.from_pylist(
            [{"user": user, "work": work} for user, work in likes], schema=SCHEMAS["likes"]
        ),
        cases=tuple(cases),
        about={"index": "made up"},
    )


def _languages(work: str) -> tuple[str, ...]:
    number = int(work.rpartition("-")[2])
    return LANGUAGES if number % 3 == 0 else (LANGUAGES[number % 3],)


def _text(rng: np.random.Generator, work: str, language: str) -> str:
    words = TOPICS[work.partition("-")[0]][language].split()
    return " ".join(rng.choice(words, 5)) + f" {work}"


def _likes_and_cases(
    rng: np.random.Generator,
) -> tuple[list[tuple[str, str]], list[Case]]:
    likes, cases = [], []
    for number in range(USERS):
        user, topic = f"p{number:02}", list(TOPICS)[number % len(TOPICS)]
        liked = [f"{topic}-{n}" for n in range(WORKS_PER_TOPIC) if rng.random() < 0.8]
        held_out = [work for work in liked if rng.random() < 0.3]
        known = [work for work in liked if work not in held_out]
        likes += [(user, work) for work in known]
        for source in LANGUAGES:
            history = [work for work in known if source in _languages(work)]
            targets = frozenset(work for work in held_out if source not in _languages(work))
            if len(history) > 1 and targets:
                seen = tuple(sorted(set(known) - set(history)))
                cases.append(Case(user, source, tuple(history), targets, seen))
    return likes, cases


def _pairs(documents: Documents, works: tuple[str, ...]) -> pa.Table:
    """Two works of a topic, in two languages."""
    by_work = documents.by_work(len(works))
    rows = []
    for anchor, own in enumerate(by_work):
        for positive, theirs in enumerate(by_work):
            same_topic = works[anchor].split("-")[0] == works[positive].split("-")[0]
            (language, text), (other_language, other_text) = own[0], theirs[-1]
            if same_topic and anchor != positive and language != other_language:
                row = {
                    "anchor": text,
                    "positive": other_text,
                    "anchor_work": works[anchor],
                    "positive_work": works[positive],
                    "anchor_language": language,
                    "positive_language": other_language,
                    "kind": CO_ENGAGED,
                    "weight": 1.0,
                    "negatives": [],
                    "negative_works": [],
                }
                rows.append(row)
    return pa.Table.from_pylist(rows, schema=SCHEMAS["pairs"])


def examination(users: int) -> Examination:
    """Works a to f in de, g to l in en; all users like a, b, k and l, every other one g, h, f."""
    works = tuple("abcdefghijkl")
    cases = [Case(f"p{user}", "de", ("a", "b"), frozenset("kl"), ("g",)) for user in range(users)]
    cases += [Case(f"p{user}", "en", ("g", "h"), frozenset("f")) for user in range(0, users, 2)]
    language = np.array(["de"] * 6 + ["en"] * 6)
    return Examination(works, tuple(cases), np.arange(12), language, works, k=3)
