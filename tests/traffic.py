"""People who read and write an index while it is worked on."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from catalogue import LANGUAGES
from xlrec_es.cluster import scan
from xlrec_es.interactions.history import History
from xlrec_es.recommend.recommender import Recommender

_PAUSE_S = 0.02
"""Between two requests of a user: the node is to have something left for what is tested."""


def everything(client: Elasticsearch, index: str) -> dict[str, Any]:
    """All documents with their versions, and what is left out of `_source`."""
    client.indices.refresh(index=index)
    body = {
        "_source": scan.whole_source(client),
        "version": True,
        "fields": ["xlrec.embedding", "xlrec.indicators"],
    }
    return {
        hit["_id"]: (hit["_version"], hit["_source"], hit.get("fields"))
        for hits in scan.pages(client, index, body)
        for hit in hits
    }


class Traffic:
    """Writes and reads through the alias, and knows what must be there afterwards."""

    def __init__(self, client: Elasticsearch, name: str, *, writers: int = 2) -> None:
        self.client = client
        self.name = name
        self.asked = 0
        self.versions: set[str] = set()
        self._writers = writers
        self.expected: dict[str, str | None] = {}
        self.failures: list[Exception] = []
        self.refused = 0
        self.writes = 0
        self._done = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._read), threading.Thread(target=self._recommend)]
        writers = range(self._writers)
        threads += [threading.Thread(target=self._write, args=(seed,)) for seed in writers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _write(self, seed: int) -> None:
        """New documents, updates, partial updates and deletions; ids of this thread's own."""
        rng = random.Random(seed)
        while not self._done.is_set():
            id_ = f"t{seed}-{rng.randrange(300)}"
            title = f"title {rng.random()}"
            try:
                if rng.random() < 0.3:
                    self.client.options(ignore_status=404).delete(index=self.name, id=id_)
                    self.expected[id_] = None
                elif rng.random() < 0.5 and self.expected.get(id_):
                    self.client.update(index=self.name, id=id_, doc={"title": title})
                    self.expected[id_] = title
                else:
                    # As an application does that knows nothing of vectors.
                    body = {"title": title, "brand": f"brand{rng.randrange(2)}"}
                    self.client.index(index=self.name, id=id_, document=body)
                    self.expected[id_] = title
                self.writes += 1
                time.sleep(_PAUSE_S)
            except ApiError as error:
                if error.error != "cluster_block_exception":
                    self.failures.append(error)
                self.refused += 1
                time.sleep(0.05)

    def _read(self) -> None:
        while not self._done.is_set():
            try:
                answer = self.client.search(index=self.name, query={"match": {"title": "chess"}})
                assert answer["hits"]["total"]["value"] > 0
            except Exception as error:
                self.failures.append(error)
            time.sleep(_PAUSE_S)

    def _recommend(self) -> None:
        recommender = Recommender(self.client, self.name, timeout_s=60)
        history = History.of(["chess-3", "cooking-4"])
        while not self._done.is_set():
            try:
                [found] = recommender.search_many([history], languages=LANGUAGES)
                if isinstance(found, Exception):
                    raise found
                assert not [answer["error"] for answer in found.answers if "error" in answer]
                hits = [hit for answer in found.answers for hit in answer["hits"]["hits"]]
                assert {hit["_index"] for hit in hits} == {found.plan.live.name}
            except Exception as error:
                self.failures.append(error)
            else:
                self.versions.add(found.plan.live.name)
                self.asked += 1
            time.sleep(_PAUSE_S)

    def check(self) -> None:
        found = everything(self.client, self.name)
        titles = {id_: source["title"] for id_, (_, source, _) in found.items() if id_[0] == "t"}
        assert titles == {id_: title for id_, title in self.expected.items() if title}
