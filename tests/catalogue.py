"""A small catalogue with known neighbours, written straight into an index, without an encoder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es import Boost, Options, SearchOptions
from xlrec_es.index.creation import create_first_version
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.meta import IndexMeta
from xlrec_es.recommend.options import OF_EVERY_INDEX
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.versions import creation
from xlrec_es.versions.inventory import read_versions

DIMS = 32
TOPICS = ("chess", "astronomy", "painting", "cooking")
LANGUAGES = ("de", "en", "ja")
WORKS_PER_TOPIC = 10

FINGERPRINT = Fingerprint(
    model="test catalogue",
    revision="1",
    dims=DIMS,
    pooling="none",
    prefix="",
    recipe="title",
    centering="none",
)

EVERYTHING = Options(
    weights=dict.fromkeys(OF_EVERY_INDEX, 1.0),
    search=SearchOptions(
        exact=True,
        oversample=2.0,
        min_similarity=-0.9,
        filters=({"range": {"price": {"lte": 200}}},),
        boosts=(Boost({"term": {"brand": "brand1"}}, 1.5),),
        caps={"brand": 3},
        source=("brand", "price"),
    ),
)
"""Every retriever, and every option of a search, by the fields of these documents."""

ODD_IDS = ['quo"te', "bra}ce", "comma,comma", "sla/sh", "dot.dot", "ünï日本", "x" * 512, "* OR *"]


def work_vector(topic: str, number: int) -> np.ndarray:
    """A unit vector near its topic's, shape (DIMS,)."""
    center = np.random.default_rng(TOPICS.index(topic)).normal(size=DIMS)
    own = np.random.default_rng([TOPICS.index(topic), number]).normal(size=DIMS)
    vector = center + 0.5 * own
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def document(topic: str, number: int, language: str) -> dict[str, object]:
    """One document; its work is `<topic>-<number>`."""
    work = f"{topic}-{number}"
    text = f"{topic} {topic}club {language} word{number}"
    return {
        "title": f"{topic.title()} {number}",
        "brand": f"brand{number % 2}",
        "price": number,
        "xlrec": {
            "work": work,
            "language": language,
            "language_source": "declared",
            "embedding": work_vector(topic, number).tolist(),
            "text": {language: text},
            "fingerprint": FINGERPRINT.digest,
            "popularity": number / WORKS_PER_TOPIC,
            "indicators": {f"{topic}-{other}": 1 + other for other in range(WORKS_PER_TOPIC)},
        },
    }


def documents(liked: Collection[str] | None = None) -> dict[str, dict[str, object]]:
    """By id: works 0 to 2 of a topic have a rendition in every language, the others are alone.

    Args:
        liked: Works whose indicators rest on 20 users each, where all others' are inherited.
    """
    found = {}
    for topic in TOPICS:
        for number in range(WORKS_PER_TOPIC):
            several = number < 3
            languages = LANGUAGES if several else [LANGUAGES[number % 3]]
            for language in languages:
                id_ = f"{topic}-{number}@{language}" if several else f"{topic}-{number}"
                found[id_] = document(topic, number, language)
                if liked is not None:
                    users = 20.0 * (f"{topic}-{number}" in liked)
                    found[id_]["xlrec"] |= {"evidence": users}  # type: ignore[operator]
    return found


def write_catalogue(
    client: Elasticsearch,
    name: str,
    extra: dict[str, dict[str, object]] | None = None,
    *,
    instead: dict[str, dict[str, object]] | None = None,
    shards: int = 1,
    languages: Sequence[str] = LANGUAGES,
    learned: float | None = None,
) -> LiveIndex:
    """Create the index and write the documents by id: `extra` ones too, or others `instead`.

    With `learned` it says that its indicators were learned, from so many users an item, and so is
    served by a cascade.
    """
    meta = IndexMeta(
        fingerprint=FINGERPRINT,
        centering=LanguageCentering.none(),
        analyzers=dict.fromkeys(languages, "standard"),
        title_field="title",
        indicators={} if learned is None else {"complete": True},
    )
    live = create_first_version(client, name, meta, {"number_of_shards": shards})
    client.indices.put_mapping(index=live.name, properties={"brand": {"type": "keyword"}})
    operations: list[dict[str, object]] = []
    own = documents() if instead is None else instead
    for id_, body in {**own, **(extra or {})}.items():
        # What has no object of ours is a document that somebody else wrote, and stays one.
        ours = body.get("xlrec")
        evidence = {} if learned is None else {"evidence": learned}
        mine = {"xlrec": {"id": id_, **evidence, **ours}} if isinstance(ours, dict) else {}
        operations += [{"index": {"_index": live.name, "_id": id_}}, body | mine]
    answer = client.bulk(operations=operations, refresh=True)
    assert not answer["errors"], answer
    return live


def topics_of(works: Sequence[str]) -> list[str]:
    """The topic of each work."""
    return [work.rpartition("-")[0] for work in works]


def write_likes(path: Path, users: int, *, also: Sequence[str] = ()) -> Path:
    """A file of likes: each user likes most works of a topic, popular or not, and `also`."""
    draw = np.random.default_rng(0)
    lines = ["user\titem"]
    for user in range(users):
        topic = TOPICS[user % len(TOPICS)]
        works = [f"{topic}-{n}" for n in range(WORKS_PER_TOPIC) if draw.random() < 0.7]
        lines += [f"p{user}\t{work}" for work in (*works, *also)]
    path.write_text("\n".join(lines) + "\n")
    return path


def add_version(client: Elasticsearch, name: str, documents: int = 1) -> str:
    """A version like the live one, with so many documents that mean nothing."""
    found = read_versions(client, name)
    assert found.live is not None
    new = creation.plan_version(found, found.live)
    creation.create(client, new)
    for number in range(documents):
        client.index(index=new.index, id=str(number), document={"title": "x"}, refresh=True)
    return new.index
