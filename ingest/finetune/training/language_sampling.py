"""How often texts of each language are seen: rare languages more than their share.

Source: Arivazhagan et al. 2019, "Massively Multilingual Neural Machine Translation in the Wild"
(https://arxiv.org/abs/1907.05019): a language with n texts has the chance n^(1/T).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TEMPERATURE = 3.0


def chances(languages: Sequence[str], temperature: float = TEMPERATURE) -> NDArray[np.float64]:
    """How often each text is drawn.

    Args:
        languages: Of each text.
        temperature: 1: every text alike; upwards, languages become alike.

    Returns:
        Shape (n_texts,); they add up to 1.
    """
    counts = Counter(languages)
    weights = np.array([counts[own] ** (1 / temperature - 1) for own in languages], np.float64)
    drawn: NDArray[np.float64] = weights / weights.sum()
    return drawn
