"""Lists as rows, one for each user and place, held by columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlrec_es.recommend.export.index_arrays import IndexArrays, Numbers
from xlrec_es.recommend.export.lists import Found
from xlrec_es.recommend.export.reasons import Reasons
from xlrec_es.recommend.options import COLLABORATIVE
from xlrec_es.recommend.recommendations import Recommendations


@dataclass(frozen=True, slots=True)
class ListRows:
    """Rows of some users, user by user, each one's best first.

    Attributes:
        users: Of the n rows.
        rank: Shape (n,): place in the list, from 1.
        ids: Document ids.
        items: Work ids.
        languages: Tags of the documents.
        score: Shape (n,): fused score.
        titles: Of the documents, or None.
        sources: The user's own fields that are asked for; None if none are.
        retriever_start: Shape (n + 1,): where those of each row begin and end.
        retrievers: Names of the retrievers that found it.
        retriever_rank: Shape (r,): place in each one's list.
        retriever_score: Shape (r,): each one's own score.
        retriever_share: Shape (r,): each one's part of the fused score.
        reason_start: Shape (n + 1,).
        reasons: Work ids of what spoke for it, the strongest first.
        reason_titles: Their titles, or None.
        reason_share: Shape (s,): each one's part of the fused score.
    """

    users: Sequence[str]
    rank: Numbers
    ids: Sequence[str]
    items: Sequence[str]
    languages: Sequence[str]
    score: NDArray[np.float64]
    titles: Sequence[str | None]
    sources: Sequence[Mapping[str, Any]] | None
    retriever_start: Numbers
    retrievers: Sequence[str]
    retriever_rank: Numbers
    retriever_score: NDArray[np.float64]
    retriever_share: NDArray[np.float64]
    reason_start: Numbers
    reasons: Sequence[str]
    reason_titles: Sequence[str | None]
    reason_share: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.users)

    def objects(self) -> Iterator[dict[str, Any]]:
        """Each row as an object, for JSON."""
        ranks, scores = self.rank.tolist(), self.score.tolist()
        said = [
            {"retriever": name, "rank": rank, "score": score, "share": share}
            for name, rank, score, share in zip(
                self.retrievers,
                self.retriever_rank.tolist(),
                self.retriever_score.tolist(),
                self.retriever_share.tolist(),
                strict=True,
            )
        ]
        reasons = [
            {"item": item, "title": title, "share": share}
            for item, title, share in zip(
                self.reasons, self.reason_titles, self.reason_share.tolist(), strict=True
            )
        ]
        found, why = self.retriever_start.tolist(), self.reason_start.tolist()
        for row, user in enumerate(self.users):
            yield {
                "user": user,
                "rank": ranks[row],
                "id": self.ids[row],
                "item": self.items[row],
                "language": self.languages[row],
                "score": scores[row],
                "title": self.titles[row],
                "retrievers": said[found[row] : found[row + 1]],
                "reasons": reasons[why[row] : why[row + 1]],
                **({} if self.sources is None else {"source": self.sources[row]}),
            }


class Columns:
    """What of an index's arrays rows are made of."""

    def __init__(self, arrays: IndexArrays) -> None:
        documents = arrays.documents
        self._ids = np.array(documents.ids, object)
        self._works = np.array(arrays.works, object)
        self._tags = np.array(arrays.tags, object)
        self._titles = np.array(documents.titles, object)
        self._work_titles = np.array(arrays.titles, object)
        self._documents = documents

    def rows(self, users: Sequence[str], shown: Found, reasons: Reasons) -> ListRows:
        """Rows of what is computed here.

        Args:
            users: Ids by number.
            shown: What they are shown.
            reasons: Of each document that is shown.
        """
        n, document = len(shown.user), shown.document
        first = np.searchsorted(shown.user, shown.user)
        sources = self._documents.sources
        return ListRows(
            users=np.array(users, object)[shown.user].tolist(),
            rank=np.arange(n) - first + 1,
            ids=self._ids[document].tolist(),
            items=self._works[self._documents.work[document]].tolist(),
            languages=self._tags[self._documents.tag[document]].tolist(),
            score=shown.score,
            titles=self._titles[document].tolist(),
            sources=[sources[number] for number in document.tolist()] if sources else None,
            retriever_start=np.arange(n + 1),
            retrievers=[COLLABORATIVE] * n,
            retriever_rank=shown.rank,
            retriever_score=shown.said,
            retriever_share=np.ones(n),
            reason_start=reasons.start,
            reasons=self._works[reasons.work].tolist(),
            reason_titles=self._work_titles[reasons.work].tolist(),
            reason_share=reasons.share,
        )


def rows_of(user: str, found: Recommendations, *, sources: bool) -> ListRows:
    """Rows of a list that was searched for.

    Args:
        user: Its id.
        found: Its list.
        sources: Whether fields of the user's own are asked for.
    """
    items = found.items
    said = [pair for item in items for pair in item.retrievers.items()]
    reasons = [reason for item in items for reason in item.reasons]
    return ListRows(
        users=[user] * len(items),
        rank=np.arange(1, len(items) + 1),
        ids=[item.id for item in items],
        items=[item.work for item in items],
        languages=[item.language for item in items],
        score=np.array([item.score for item in items], float),
        titles=[item.title for item in items],
        sources=[item.source for item in items] if sources else None,
        retriever_start=_starts([len(item.retrievers) for item in items]),
        retrievers=[name for name, _ in said],
        retriever_rank=np.array([one.rank for _, one in said], np.int64),
        retriever_score=np.array([one.score for _, one in said], float),
        retriever_share=np.array([one.share for _, one in said], float),
        reason_start=_starts([len(item.reasons) for item in items]),
        reasons=[reason.item for reason in reasons],
        reason_titles=[reason.title for reason in reasons],
        reason_share=np.array([reason.share for reason in reasons], float),
    )


def _starts(lengths: Sequence[int]) -> Numbers:
    return np.concatenate(([0], np.cumsum(np.array(lengths, np.int64))))
