from __future__ import annotations

import numpy as np

from xlrec_es.relations.purchases import Purchases


def test_purchases_of_language_versions_are_of_one_work() -> None:
    rows = [  # item, user, day
        (0, 0, 10),
        (1, 0, 40),
        (1, 0, 10),  # on one day, both versions
        (2, 0, 5),
        (0, 1, 7),
        (3, 1, 9),
    ]
    item, user, day = np.array(rows).T
    bought = Purchases(("tea@de", "tea@ja", "salt", "gone"), item, user, day)
    works = {"tea@de": ("tea", "de"), "tea@ja": ("tea", "ja"), "salt": ("salt", "de")}
    pairs = bought.pairs(works)
    assert pairs.works == ("salt", "tea")
    found = zip(pairs.work.tolist(), pairs.times.tolist(), pairs.spans_days.tolist(), strict=True)
    assert sorted(found) == [(0, 1, 0.0), (1, 1, 0.0), (1, 2, 30.0)]
    none = Purchases((), *(np.zeros(0, np.int64),) * 3).pairs({})
    assert (none.works, len(none.work)) == ((), 0)
