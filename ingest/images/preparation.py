"""Have pictures be read: in the space that the index has for them already, or in a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from ingest.documents.document import Document
from ingest.encode import raw_vectors
from ingest.images import alignment, alignment_store
from ingest.images.alignment import Alignment, Learned
from ingest.images.encoder import ImageEncoder
from ingest.images.options import ImageOptions
from ingest.images.pictures import Features, Pictures
from ingest.images.space import TEXT, ImageSpace
from xlrec_es.errors import EncoderError, FingerprintMismatch
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.vectors.vector import Vector, unit_rows

MOST_PAIRS = 5000
"""Items that an alignment is learned from, drawn at random: four for each of 1,280 features."""

_TEXTS = 256  # encoded together


@dataclass(frozen=True, slots=True)
class Texts:
    """What makes the vectors of texts.

    Attributes:
        encoder: Makes raw ones.
        centering: Centers them.
        fingerprint: Digest of all that made them.
    """

    encoder: Encoder
    centering: LanguageCentering
    fingerprint: str


def go_on(
    client: Elasticsearch,
    index: str,
    options: ImageOptions,
    *,
    encoder: ImageEncoder,
    meta: Mapping[str, Any],
) -> Pictures:
    """Pictures for an index that has some.

    Args:
        client: Of the cluster.
        index: Its name, for people.
        options: Where pictures are.
        encoder: Makes their vectors.
        meta: `_meta.xlrec.images` of the index.

    Raises:
        FingerprintMismatch: Its pictures' vectors were made by another model.
        IndexUnusable: They are aligned with texts, and the alignment is gone.
    """
    theirs = ImageSpace.from_meta(meta["fingerprint"])
    mine = _space(encoder, theirs.dims if theirs.space == TEXT else None, theirs)
    if differences := mine.differences(theirs):
        raise FingerprintMismatch(
            f"{index} holds vectors of pictures of another kind: {'; '.join(differences)}. Use the "
            "--image-model that made them, or another index name",
            differences=differences,
        )
    map_: Alignment | None = None
    if theirs.space == TEXT:
        map_ = alignment_store.load(client, meta["alignment"]["index"], theirs.alignment)
    return Pictures(Features(options, encoder), theirs, map_)


def begin(
    client: Elasticsearch,
    name: str,
    options: ImageOptions,
    *,
    encoder: ImageEncoder,
    texts: Texts,
    documents: Iterable[Document],
) -> tuple[Pictures, dict[str, Any]]:
    """Pictures for an index that has none.

    Args:
        client: Of the cluster.
        name: Alias of the index.
        options: Where pictures are.
        encoder: Makes their vectors.
        texts: What makes the vectors of texts.
        documents: All of the source, from which an alignment is learned where one is needed.

    Returns:
        The pictures, and the index's `_meta.xlrec.images`.

    Raises:
        EncoderError: A model failed; or pictures do not find their texts, see `alignment.learn`.
        ClusterError: The cluster does not answer, or refuses.
    """
    features = Features(options, encoder)
    about: dict[str, Any] = {"field": options.field}
    if encoder.license is not None:
        about["license"] = encoder.license
    if encoder.knows_texts:
        space = _space(encoder)
        return Pictures(features, space), {**about, "fingerprint": space.to_meta()}
    learned = _learn(features, texts, documents)
    map_ = learned.alignment
    space = _space(
        encoder,
        texts.encoder.dims,
        ImageSpace("", "", 0, TEXT, text=texts.fingerprint, alignment=map_.digest),
    )
    index = alignment_store.store_index(name)
    alignment_store.save(client, index, map_, {**space.to_meta(), **learned.to_meta()})
    about |= {"fingerprint": space.to_meta(), "alignment": {"index": index, **learned.to_meta()}}
    return Pictures(features, space, map_), about


def _space(
    encoder: ImageEncoder, dims: int | None = None, aligned: ImageSpace | None = None
) -> ImageSpace:
    """The space of an encoder's vectors.

    Args:
        encoder: Makes them.
        dims: Of the texts' vectors, where they are aligned with those.
        aligned: Says with which; an encoder that knows texts is aligned with none.
    """
    if encoder.knows_texts or aligned is None or dims is None:
        return ImageSpace(encoder.model, encoder.revision, encoder.dims)
    return ImageSpace(
        encoder.model,
        encoder.revision,
        dims,
        TEXT,
        text=aligned.text,
        alignment=aligned.alignment,
    )


def _learn(features: Features, texts: Texts, documents: Iterable[Document]) -> Learned:
    """Learn the alignment from items that have both a picture and a text."""
    pictured = list(_draw(documents).values())
    looks = features.of([versions[0] for versions in pictured], keep=True)
    good = [n for n, one in enumerate(looks) if not isinstance(one, str)]
    pairs = [pictured[n] for n in good]
    if (bad := [one for one in looks if isinstance(one, str)]) and not pairs:
        raise EncoderError(
            f"none of the pictures can be used, of {len(bad)} that were tried; of the first: "
            f"{bad[0]}"
        )
    if len(pairs) < alignment.LEAST_PAIRS:
        dims = (0, features.encoder.dims), (0, texts.encoder.dims)
        x, y = (np.zeros(shape, np.float32) for shape in dims)
        return alignment.learn(x, y, [one[0].work for one in pairs])
    said = _mean_vectors(pairs, texts)
    has_direction = raw_vectors.usable(said)
    rows = np.flatnonzero(has_direction)
    return alignment.learn(
        np.stack([looks[good[row]] for row in rows]),
        said[rows],
        [pairs[row][0].work for row in rows],
    )


def _draw(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The documents of works that have both, by work: those whose hashes are smallest.

    A uniform sample, whatever the order of the source, in the memory of the sample alone.
    """
    found: dict[str, list[Document]] = {}
    ranks: dict[str, bytes] = {}
    for document in documents:
        if not (document.text and document.has_picture):
            continue
        work = document.work
        if work not in found:
            rank = hashlib.blake2b(work.encode(), digest_size=8).digest()
            if len(found) >= MOST_PAIRS:
                last = max(ranks, key=ranks.__getitem__)
                if rank >= ranks[last]:
                    continue
                del found[last], ranks[last]
            found[work], ranks[work] = [], rank
        found[work].append(document)
    return found


def _mean_vectors(pairs: Sequence[Sequence[Document]], texts: Texts) -> Vector:
    """The mean direction of each work's texts, shape (len(pairs), dims)."""
    flat = [document for versions in pairs for document in versions]
    raw = np.concatenate([*_encoded([one.text for one in flat], texts.encoder)])
    centered = texts.centering.apply(raw, [one.language for one in flat])  # (n_documents, dims)
    centered = np.where(raw_vectors.usable(centered)[:, None], centered, 0)
    starts = np.cumsum([0, *map(len, pairs)])[:-1]
    return unit_rows(np.add.reduceat(centered, starts, axis=0), least=1e-6)


def _encoded(texts: Sequence[str], encoder: Encoder) -> Iterator[Vector]:
    for start in range(0, len(texts), _TEXTS):
        yield raw_vectors.encode(encoder, texts[start : start + _TEXTS])
