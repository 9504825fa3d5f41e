"""Fewer dimensions: a linear layer behind the encoder, which plain sentence-transformers reads.

Memory and time of a search fall with the dimensions. The layer is a projection onto the directions
in which texts of one language differ most (principal components), or onto the first dimensions,
for models that were trained to be cut off there (Matryoshka).

Source: Kusupati et al. 2022, "Matryoshka Representation Learning" (https://arxiv.org/abs/2205.13147).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize

from xlrec_es.errors import EncoderError
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.vectors.vector import Vector


def principal_components(vectors: Vector, languages: Sequence[str], dims: int) -> Vector:
    """The directions in which texts of one language differ most.

    Each language is centered first: what tells languages apart is no taste, and would take up the
    first components.

    Args:
        vectors: Shape (n, all dims), unit rows.
        languages: Of each row.
        dims: How many directions.

    Returns:
        Shape (dims, all dims), float32, orthonormal rows, those with the most variance first.

    Raises:
        EncoderError: There are fewer vectors than directions.
    """
    if len(vectors) <= dims:
        raise EncoderError(
            f"{len(vectors)} texts cannot tell {dims} directions apart; give more texts, or fewer "
            "--dims"
        )
    means = LanguageCentering.center(vectors, languages, shrinkage=0).centers(languages)
    _, directions = np.linalg.eigh(np.cov((vectors - means).astype(np.float64), rowvar=False))
    components: Vector = directions[:, ::-1][:, :dims].T.astype(np.float32)  # eigh: ascending
    return np.ascontiguousarray(components)


def first_dimensions(all_dims: int, dims: int) -> Vector:
    """The first dimensions as a projection, shape (dims, all_dims)."""
    return np.eye(dims, all_dims, dtype=np.float32)


def with_projection(model: SentenceTransformer, projection: Vector) -> SentenceTransformer:
    """The model with a linear layer behind it; vectors have length 1 again.

    Args:
        model: Its modules are shared, not copied.
        projection: Shape (dims, the model's dims), of which a model that is cut has fewer than its
            modules.
    """
    dims, seen = projection.shape
    with model.truncate_embeddings(None):
        all_dims = model.get_embedding_dimension() or seen
    projection = np.pad(projection, ((0, 0), (0, all_dims - seen)))
    layer = Dense(
        all_dims,
        dims,
        bias=False,
        activation_function=torch.nn.Identity(),
        init_weight=torch.from_numpy(projection),
    )
    return SentenceTransformer(
        modules=[*model, layer, Normalize()],
        prompts={name: prompt or "" for name, prompt in model.prompts.items()},
        default_prompt_name=model.default_prompt_name,
        device=str(model.device),
    )
