"""Baskets in place of users: what is in one order, or in one session, goes together.

Where rows have no column that says which basket they are of, those of a user with little time
between one and the next are one (`LikeRules.basket_gap_h`).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from ingest.indicators.arrow_columns import strings
from xlrec_es.interactions.likes import COLUMNS
from xlrec_es.interactions.weighting import EVENT_WEIGHTS

BASKET = "basket"
COLUMNS_OF_BASKETS = (*COLUMNS, BASKET)
"""What a row may have: an order of several users, or of one, has a name of its own."""

WITHOUT = "without basket"
"""Reason for which a row does not count where others have a basket."""

PURCHASES = {**dict.fromkeys(EVENT_WEIGHTS, 0.0), "purchase": 1.0}
"""Weight by event: what users look at in one session are substitutes as a rule, and what they buy
in one are complements. Source: McAuley et al. 2015, "Inferring Networks of Substitutable and
Complementary Products" (https://doi.org/10.1145/2783258.2783381)."""

GAP_H = 1.0
"""Lines of one order are written within seconds."""

MAX_ITEMS = 100
"""Of a basket; a larger one is a wholesaler's, or a mistake, and has 5,000 pairs and more."""

REPEATS = 3
"""Baskets of a user in which an item counts: who orders the same every week, or is a program, has
no more to say than others."""

_BETWEEN = "\x1f"  # a session of one user may be called as another's is


def owner_of(name: str) -> str:
    """The user of a basket that `by_basket` named; the basket itself where nobody is named."""
    return name.partition(_BETWEEN)[0] or name


def by_basket(
    batches: Iterator[pa.RecordBatch], report: Counter[str]
) -> tuple[Iterator[pa.RecordBatch], bool]:
    """Put the basket in the place of the user, if there is a column for it.

    Args:
        batches: With some of `COLUMNS_OF_BASKETS`.
        report: Rows without a basket are counted here, and as `rows`.

    Returns:
        The batches; and whether they have baskets now.
    """
    first = next(batches, None)
    if first is None:
        return iter(()), False
    whole = itertools.chain((first,), batches)
    if BASKET not in first.schema.names:
        return whole, False
    return (_in_baskets(batch, report) for batch in whole), True


def _in_baskets(batch: pa.RecordBatch, report: Counter[str]) -> pa.RecordBatch:
    """The rows that have a basket, its name and the user's in the column `user`."""
    nothing = pa.nulls(len(batch), pa.string())
    columns = {name: batch.column(name) for name in batch.schema.names}
    basket = strings(columns.pop(BASKET, nothing))
    user = pc.fill_null(strings(columns.pop("user", nothing)), "")
    columns["user"] = pc.binary_join_element_wise(user, basket, _BETWEEN)
    there = pc.is_valid(basket)
    lost = len(batch) - pc.sum(there).as_py() if len(batch) else 0
    if lost:
        report["rows"] += lost
        report[WITHOUT] += lost
    return pa.RecordBatch.from_pydict(columns).filter(there)
