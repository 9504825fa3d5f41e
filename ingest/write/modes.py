"""Modes of writing: whole documents, or `xlrec` in place, or in a companion.

What depends on the mode alone is asked of its object. `VERSION` is whole documents into a version
of ours; `IN_PLACE` the object `xlrec` into the documents of somebody else's index; `COMPANION` is
`xlrec`, and little else, into an index beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from elasticsearch import Elasticsearch

from ingest.write import in_place, target_index
from ingest.write.in_place import InPlace
from ingest.write.target_index import Target
from xlrec_es.index.creation import add_to, create_first_version
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.vector_index import VectorIndex


class Mode(ABC):
    """How an index is written.

    Attributes:
        name: What the `_meta` of an index calls it; see `mode_of`.
        in_place: Whether documents are completed where they are.
        target: How the worker sees an index of this mode.
    """

    name: ClassVar[str]
    in_place: ClassVar[bool] = False
    target: ClassVar[type[Target]] = Target

    def __reduce__(self) -> tuple[Callable[[str], Mode], tuple[str]]:
        return mode_called, (self.name,)  # in another process, too, it is told by identity

    def find(self, client: Elasticsearch, name: str) -> LiveIndex | None:
        """The index of that name, or None if it is to be made.

        Raises:
            XlrecError: As for `xlrec_es.index.live_index.find_live`, but for that.
        """
        return target_index.find(client, name)

    def create(
        self,
        client: Elasticsearch,
        name: str,
        meta: IndexMeta,
        *,
        like: Mapping[str, Any] | None,
        vectors: VectorIndex,
    ) -> LiveIndex:
        """Make it.

        Args:
            client: Of the cluster.
            name: Index or alias.
            meta: What it is to say of itself.
            like: See `xlrec_es.index.creation.create_first_version`.
            vectors: How they are indexed.

        Raises:
            ConfigError: No vectors of so many dimensions are indexed so.
            ClusterError: The cluster does not answer, or refuses.
        """
        return create_first_version(client, name, meta, like=like, vectors=vectors)

    @abstractmethod
    def kept(self, title: str, keep: Sequence[str]) -> tuple[str, ...] | None:
        """The user's fields that documents are written with; None for all.

        Args:
            title: The field of the title.
            keep: Those that were asked for.
        """

    @abstractmethod
    def advice(self, index: str) -> str:
        """What an index of this mode is and how to write it, for who tried another mode."""


class _Version(Mode):
    name = "version"

    def kept(self, title: str, keep: Sequence[str]) -> None:
        return None

    def advice(self, index: str) -> str:
        return "has whole documents from xlrec-ingest run; use neither --in-place nor --companion"


class _InPlace(Mode):
    name = "in place"
    in_place = True
    target = InPlace

    def find(self, client: Elasticsearch, name: str) -> LiveIndex | None:
        """See `Mode.find`; None where it is to be given our fields."""
        return in_place.find(client, name)

    def create(
        self,
        client: Elasticsearch,
        name: str,
        meta: IndexMeta,
        *,
        like: Mapping[str, Any] | None,
        vectors: VectorIndex,
    ) -> LiveIndex:
        """Give it our fields; it has its own already, whatever it is to be `like`."""
        return add_to(client, name, meta, vectors=vectors)

    def kept(self, title: str, keep: Sequence[str]) -> tuple[str, ...]:
        return ()

    def advice(self, index: str) -> str:
        return f"is not ours but for the object xlrec; use: index:{index} --in-place"


class _Companion(Mode):
    name = "companion"

    def kept(self, title: str, keep: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((title, *keep)))

    def advice(self, index: str) -> str:
        return "is a companion of another index; use: --companion"


VERSION, IN_PLACE, COMPANION = _Version(), _InPlace(), _Companion()
_BY_NAME = {mode.name: mode for mode in (VERSION, IN_PLACE, COMPANION)}


def mode_called(name: str) -> Mode:
    """The mode of this name."""
    return _BY_NAME[name]


def mode_of(meta: IndexMeta) -> Mode:
    """The mode in which an index was made."""
    return mode_called(meta.source.get("way", VERSION.name))
