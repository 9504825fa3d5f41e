"""The gate's last question: do people find what they like in the new version as well as before?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.evaluate.dataset import EvaluationJob, Material, gather, largest_k
from xlrec_es.evaluate.evaluator import RECALL, Ground, measure
from xlrec_es.evaluate.leakage import LEAKY, encoder_leak
from xlrec_es.evaluate.significance import compare
from xlrec_es.evaluate.systems import Round, lists_of
from xlrec_es.evaluate.vectorized_fusion import Fusion, Ranked
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.languages import named_by
from xlrec_es.versions.gate_checks import Check, Measured

_SYSTEM = "recommender"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Held-out likes, looked for in the lists of both versions.

    Attributes:
        client: Of the cluster.
        live: The version that is live.
        job: What is evaluated, and how.
        material: Of the live version; read at the beginning, when a mistake in the file has cost
            nothing yet.
        max_loss: Recall that may be lost beyond the noise.
    """

    client: Elasticsearch
    live: LiveIndex
    job: EvaluationJob
    material: Material
    max_loss: float

    @classmethod
    def of(
        cls, client: Elasticsearch, live: LiveIndex, job: EvaluationJob, *, max_loss: float
    ) -> Comparison:
        """Read what is needed.

        Raises:
            XlrecError: As for `xlrec_es.evaluate.dataset.gather`.
        """
        material = gather(client, replace(job, index=live.name))
        job = replace(job, k=min(job.k, largest_k(material)))
        return cls(client, live, job, material, max_loss)

    def check(self, target: LiveIndex) -> list[Check]:
        """For each pool, how far the new version's recall is above the live one's.

        It fails if all of the interval is below the limit: if it is worse beyond the noise.

        Raises:
            XlrecError: As for `xlrec_es.evaluate.systems.lists_of`.
        """
        before, after = (self._lists(index) for index in (self.live, target))
        checks = [self._compare(kind, before[kind], after[kind]) for kind in self.job.pools]
        material = self.material
        if encoder_leak(target.meta.encoder, material.likes, material.parts) == LEAKY:
            seen = "; the new encoder has seen the targets"
            checks = [replace(check, message=check.message + seen) for check in checks]
        return checks

    def _lists(self, index: LiveIndex) -> dict[str, list[Ranked]]:
        material = self.material
        has = index.meta.languages
        languages = tuple(lang for lang in material.languages if named_by(lang, has))
        settings = {_SYSTEM: Fusion.of(index)}
        one = Round(
            index.name, material.cases, material.pools, material.options, settings, languages
        )
        lists, _ = lists_of(self.client, self.job, one)
        return {kind: found for (kind, _), found in lists.items()}

    def _compare(self, kind: str, before: list[Ranked], after: list[Ranked]) -> Check:
        material, k = self.material, self.job.k
        known = material.likes.work[material.parts.training]
        ground = Ground.of(
            material.pool.works,
            material.pool.work_vectors(),
            np.bincount(known, minlength=len(material.pool.works)).astype(float),
            len(material.likes.users),
        )
        recall = [measure(material.cases, lists, ground, k)[RECALL] for lists in (before, after)]
        users = [case.user for case in material.cases]
        gap = compare(recall[1], recall[0], users, seed=self.job.seed).interval
        message = (
            f"{kind} pool: recall@{k} {np.nanmean(recall[1]):.3f}, live "
            f"{np.nanmean(recall[0]):.3f}; {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] over "
            f"{len(set(users))} users (fails if all of it is below {-self.max_loss:g})"
        )
        if material.indicators == LEAKY:
            message += "; the indicators of both have seen the targets"
        limit = 0.0 - self.max_loss  # and not -0.0
        measured = Measured(gap.mean, limit, gap.low, gap.high, of=kind)
        return Check("evaluation", gap.high >= -self.max_loss, message, measured)
