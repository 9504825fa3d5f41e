"""How fast a version is copied, against elasticsearch-py's `helpers.reindex` on the same node.

And against encoding again, by the embedded encoder on the CPU, which is done for a few texts.

python tests/bench/reindex.py --documents 20000 --rounds 3 --encode 500
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from elasticsearch import Elasticsearch, helpers

sys.path.insert(0, str(Path(__file__).parents[1]))

from ingest.encode.options import DEFAULTS
from ingest.encode.sentence_transformer import load_encoder
from nodes import HEAP, VERSIONS
from xlrec_es.cluster import scan
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.index.creation import create_first_version
from xlrec_es.index.meta import IndexMeta
from xlrec_es.node import running
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.versions import copier, creation
from xlrec_es.versions.copier import Copier, copied_as_is
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import Reindexer, plan

DIMS = 384
NAME = "bench"
WORDS = [f"word{number}" for number in range(5000)]


def fill(client: Elasticsearch, count: int) -> str:
    """An index of texts of 60 words, with vectors of 384 dimensions."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(32, DIMS))
    print_ = Fingerprint("bench", "1", DIMS, "mean", "", "title", "none")
    meta = IndexMeta(print_, LanguageCentering.none(), {"en": "standard"}, title_field="title")
    settings = {"number_of_shards": 2, "number_of_replicas": 0}
    live = create_first_version(client, NAME, meta, settings)
    for start in range(0, count, 1000):
        # Of 32 directions: encoders' vectors fill no more, and graphs over noise find little.
        vectors = (rng.normal(size=(1000, 32)) @ directions).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        lines: list[dict[str, object]] = []
        for number, vector in enumerate(vectors, start):
            text = " ".join(rng.choice(WORDS, 60))
            own = {
                "language": "en",
                "id": str(number),
                "work": str(number),
                "text": {"en": text},
                "fingerprint": print_.digest,
                "embedding": vector.tolist(),
            }
            lines += [{"index": {"_id": number}}, {"title": text[:40], "text": text, "xlrec": own}]
        answer = client.bulk(index=live.name, operations=lines)
        assert not answer["errors"]
    client.indices.refresh(index=live.name)
    client.indices.forcemerge(index=live.name, max_num_segments=1)
    return live.name


@contextlib.contextmanager
def empty_copy(client: Elasticsearch):  # noqa: ANN201
    versions = read_versions(client, NAME)
    assert versions.live
    new = creation.plan_version(versions, versions.live)
    creation.create(client, new)
    try:
        yield new.index
    finally:
        client.indices.delete(index=new.index)


def by_helpers(client: Elasticsearch, source: str, target: str) -> None:
    """What `helpers.reindex` does, but for asking about data streams, which the node lacks.

    Vectors are left out unless they are asked for.
    """
    query = {"query": {"match_all": {}}, "_source": scan.whole_source(client)}
    hits = helpers.scan(client, query=query, index=source, size=1000)
    actions = ({"_index": target, "_id": hit["_id"], **hit["_source"]} for hit in hits)
    done, failed = helpers.bulk(client, actions, chunk_size=1000)
    assert not failed
    assert done


def one_by_one(client: Elasticsearch, source: str, target: str) -> None:
    """As `by_copying`, with one request under way."""
    writers, copier.WRITERS = copier.WRITERS, 1
    try:
        by_copying(client, source, target)
    finally:
        copier.WRITERS = writers


def by_copying(client: Elasticsearch, source: str, target: str) -> None:
    packed = probe(client).packed_vectors
    # As `xlrec-es index reindex` does.
    client.indices.put_settings(index=target, settings={"index.refresh_interval": "-1"})
    copier = Copier(client, source, target, transform=copied_as_is(packed=packed))
    shards = list(copier.checkpoint())
    copier.copy_after({}, shards)
    assert not copier.tally.refused


def encoded_a_second(count: int) -> float:
    """Texts as long as those of the index, 128 tokens at most."""
    encoder = load_encoder("embedded", options=DEFAULTS)
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, 60)) for _ in range(count)]
    encoder.encode(texts[:32])  # what is done once
    start = time.perf_counter()
    encoder.encode(texts)
    return count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encode", type=int, default=0, help="Texts to encode.")
    arguments = parser.parse_args()
    with running(version=VERSIONS[0], heap=HEAP) as info:
        client = connect(Connection(info.url, timeout_s=120))
        source = fill(client, arguments.documents)
        plain = Elasticsearch(info.url, request_timeout=120)  # as anybody's, without orjson
        ways = (
            ("helpers.reindex", by_helpers, plain),
            ("copying, one request at a time", one_by_one, client),
            ("copying", by_copying, client),
        )
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in ways}
        for _ in range(arguments.rounds):
            for name, copy, used in ways:
                with empty_copy(client) as target:
                    start, cpu = time.perf_counter(), time.process_time()
                    copy(used, source, target)
                    seconds = time.perf_counter() - start
                    taken[name].append((seconds, time.process_time() - cpu))
                    client.indices.refresh(index=target)
                    assert client.count(index=target)["count"] == arguments.documents
        for name, runs in taken.items():
            wall, cpu = (statistics.median(run[n] for run in runs) for n in (0, 1))
            print(
                f"{name}: {arguments.documents / wall:.0f} documents/s "
                f"({arguments.documents / cpu:.0f} a second of the client's CPU); "
                f"all: {', '.join(f'{run[0]:.1f}' for run in runs)} s"
            )
        planned = plan(read_versions(client, NAME), changes={})
        work = Reindexer(client, planned, copied_as_is(packed=probe(client).packed_vectors))
        report = work.run()
        print(f"all of a reindex, with the gate: {report.seconds:.1f} s")
        print(*(f"  {check.name}: {check.message}" for check in report.checks), sep="\n")
        if arguments.encode:
            rate = encoded_a_second(arguments.encode)
            ratio = arguments.documents / report.seconds / rate
            print(f"encoding: {rate:.0f} texts/s, so a copy is {ratio:.0f} times as fast")


if __name__ == "__main__":
    main()
