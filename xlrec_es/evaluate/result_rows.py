"""An evaluation, a tuning or a gate as rows for Kibana; the numbers are its report's. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from xlrec_es.cluster.result_index import Row, row_id
from xlrec_es.evaluate.evaluator import COVERAGE, NDCG, RECALL

SYSTEM, PAIR, NOTE, TUNING = "system", "pair", "note", "tuning"
GATE, CHECK = "gate", "check"
"""Kinds of rows: a system in a pool, a system for a pair of languages, a sentence, a tuning; what a
gate decided, and each thing that it looked at."""

GATE_PASSED = "Every check passed"
"""The reason of a gate that refuses nothing."""

TYPES: Mapping[str, str] = {
    "@timestamp": "date",
    **dict.fromkeys(("evaluation", "index", "fingerprint", "kind", "pool", "system"), "keyword"),
    **dict.fromkeys(("pair.source", "pair.target", "pair.name", "note.text"), "keyword"),
    **dict.fromkeys(("note.verdict", "tuning.accepted", "tuning.written"), "boolean"),
    **dict.fromkeys(("gate.decision", "gate.command", "gate.source", "gate.reason"), "keyword"),
    **dict.fromkeys(("gate.passed", "gate.swapped", "check.ok"), "boolean"),
    **dict.fromkeys(("check.name", "check.of", "check.message"), "keyword"),
    **dict.fromkeys(("check.value", "check.low", "check.high", "check.limit"), "double"),
    "pair.users": "long",
    **dict.fromkeys((COVERAGE, "source_share_of_pool"), "double"),
    **{
        f"{measure}.{end}": "double"
        for measure in (
            *("recall", "recall_cold", "recall_warm", "ndcg_at_10", "source_share"),
            *("pair.recall", "pair.ndcg_at_10", "tuning.gain"),
        )
        for end in ("mean", "low", "high")
    },
}
"""Of the fields by which rows are told apart or drawn, also while no row has them."""

_BETTER = "recommender is better by"


def rows_of_evaluation(report: Mapping[str, Any], now: datetime) -> list[Row]:
    """The rows of an evaluation.

    A row of a pair holds its numbers under `pair`, so that a mean over `recall.mean` is one over
    systems alone.

    Args:
        report: See `experiment.run_experiment`.
        now: When it was done.
    """
    moment = now.isoformat()
    evaluation = row_id(moment, report["index"])
    shared = {
        "@timestamp": moment,
        "evaluation": evaluation,
        **{name: report[name] for name in ("index", "cases", "users", "fusion", "weights")},
        "fingerprint": report["fingerprint"]["digest"],
        "k": report["job"]["k"],
        "seed": report["job"]["seed"],
        "indicators": report["indicators"]["state"],
        "encoder": report["encoder"]["state"],
        "training": report["split"]["training"],
        "held_out": report["split"]["held out"],
    }
    return [
        Row(row_id(evaluation, number), {**shared, **own})
        for number, own in enumerate([*_of_pools(report["pools"]), *_of_notes(report)])
    ]


def _of_pools(pools: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for pool, found in pools.items():
        about = {"items": found["items"], "source_share_of_pool": found["source share of the pool"]}
        for name, system in found["systems"].items():
            head = {"pool": pool, "system": name}
            measures = {_named(key): value for key, value in system["measures"].items()}
            yield {
                "kind": SYSTEM,
                **head,
                **about,
                COVERAGE: system[COVERAGE],
                **measures,
                **_better(system),
            }
            for pair in system["pairs"]:
                yield {"kind": PAIR, **head, "pair": _of_pair(pair)}


def _better(system: Mapping[str, Any]) -> dict[str, Any]:
    """By how much the recommender is better; of the recommender itself, nothing."""
    if _BETTER not in system:
        return {}
    return {"recommender_better_by": {_named(key): gap for key, gap in system[_BETTER].items()}}


def _of_pair(pair: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": pair["source"],
        "target": pair["target"],
        "name": f"{pair['source']} to {pair['target']}",
        "users": pair["users"],
        RECALL: pair[RECALL],
        _named(NDCG): pair[NDCG],
        "recommender_better_by": pair[_BETTER],
    }


def _of_notes(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("verdict", "notes"):
        for text in report[name]:
            yield {"kind": NOTE, "note": {"text": text, "verdict": name == "verdict"}}


def row_of_tuning(report: Mapping[str, Any], now: datetime) -> Row:
    """What a tuning found and decided.

    Args:
        report: See `tuning.run`.
        now: When it was done.
    """
    moment = now.isoformat()
    fields = {
        "@timestamp": moment,
        "kind": TUNING,
        **{name: report[name] for name in ("index", "seed")},
        "tuning": {
            **{name: report[name] for name in ("measure", "trials", "accepted", "written")},
            "users": report["users"]["checking"],
            "gain": report["gain on other users"],
            "before": report["before"],
            "proposed": report["proposed"],
        },
    }
    return Row(row_id(moment, report["index"], TUNING), fields)


def rows_of_gate(report: Mapping[str, Any], now: datetime) -> list[Row]:
    """What a gate decided, and a row of each check, which knows the decision.

    Args:
        report: `command`, `index` (the new version), `source` (that it was to replace),
            `fingerprint`, `swapped`, and `checks` as `versions.gate_checks.Check` has them.
        now: When it was decided.
    """
    moment = now.isoformat()
    checks = report["checks"]
    failed = [check for check in checks if not check["ok"]]
    told = "; ".join(f"{check['name']}: {check['message']}" for check in failed)
    decision = row_id(moment, report["index"], GATE)
    gate = {
        "decision": decision,
        **{name: report[name] for name in ("command", "source", "swapped")},
        "passed": not failed,
        "reason": told or GATE_PASSED,
    }
    shared = {
        "@timestamp": moment,
        **{name: report[name] for name in ("index", "fingerprint")},
        "gate": gate,
    }
    return [
        Row(decision, {"kind": GATE, **shared}),
        *(
            Row(row_id(decision, number), {"kind": CHECK, **shared, "check": _of_check(check)})
            for number, check in enumerate(checks)
        ),
    ]


def _of_check(check: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: check[name] for name in ("name", "ok", "message")}
    return {**own, **(check["measured"] or {})}


def _named(measure: str) -> str:
    """A measure's name, as fields are called: without blanks and @."""
    return measure.replace("@", "_at_").replace(" ", "_")
