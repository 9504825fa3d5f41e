"""What tests of indicators share: likes small enough to be looked at."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

N_PERSONS, N_WORKS = 300, 60


def as_likes(table: object) -> csr_array:
    """A row a person, a column a work."""
    return csr_array(np.asarray(table, np.float32))


def all_works(likes: csr_array) -> np.ndarray:
    """The number of every work, shape (n_works,)."""
    return np.arange(likes.shape[1], dtype=np.int32)
