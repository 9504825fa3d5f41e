"""What the fields of evaluations, logs and runs are called in Kibana, and what they mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from xlrec_es.kibana.labels.field_labels import PERCENT, WHOLE, FieldLabel
from xlrec_es.recommend.options import EXPLORE, RETRIEVERS

_ENDS = {"mean": "", "low": ", 95% from", "high": ", 95% to"}
_DECIMAL = {"id": "number", "params": {"pattern": "0,0.[000]"}}


def _measured(field: str, label: str, what: str) -> dict[str, FieldLabel]:
    """A measure and the ends of its interval."""
    return {
        f"{field}.{end}": FieldLabel(f"{label}{more}", what, _DECIMAL)
        for end, more in _ENDS.items()
    }


def _of_list() -> dict[str, FieldLabel]:
    """What rows of impressions and clicks say of a list, and of a place in it."""
    return {
        "user": FieldLabel("User", "The user's ID."),
        "item": FieldLabel("Item", "ID of the document that was shown, or of its item."),
        "time": FieldLabel("Time", "When it was shown, or done."),
        "language": FieldLabel("Language", "Language of the document that was shown."),
        "variant": FieldLabel("Variant", "Which of the variants that are compared made the list."),
        "placement": FieldLabel("Placement", "Name of the placement that made the list."),
        "placement_version": FieldLabel(
            "Version of the placement", "Which version of it made the list.", WHOLE
        ),
        "impression": FieldLabel("Impression", "Stands for one place of one list."),
        "query_id": FieldLabel("List", "ID of the list."),
        "place": FieldLabel("Rank", "Place in the list, from 1.", WHOLE),
        **{
            f"retrievers.{name}": FieldLabel(
                f"Rank by {name}", f"Place that the retriever {name} gave it.", WHOLE
            )
            for name in (*RETRIEVERS, EXPLORE)
        },
    }


EVALUATIONS: Mapping[str, FieldLabel] = {
    "@timestamp": FieldLabel("Evaluated", "When the evaluation ended, or the tuning or the gate."),
    "evaluation": FieldLabel("Evaluation", "Stands for all rows of one evaluation."),
    "index": FieldLabel("Index", "The version that was evaluated."),
    "fingerprint": FieldLabel("Fingerprint", "Of the encoder that made its vectors."),
    "kind": FieldLabel(
        "Kind of row",
        "system, pair of languages, note, tuning, gate, or check of a gate: each has fields of its "
        "own.",
    ),
    "pool": FieldLabel("Candidates", "Candidate set: cross, mixed or cold."),
    "system": FieldLabel("System", "The recommender, one of its retrievers, or a baseline."),
    "pair.source": FieldLabel("Pair: from", "Language of the history."),
    "pair.target": FieldLabel("Pair: into", "Language of the items to be found."),
    "pair.name": FieldLabel("Pair", "Both languages."),
    "pair.users": FieldLabel("Pair: users", "Test users of the pair.", WHOLE),
    "note.text": FieldLabel("Note", "What to mind of this evaluation, such as a LEAK."),
    "note.verdict": FieldLabel("Note is the verdict", "Whether it says what was found."),
    "tuning.accepted": FieldLabel("Tuning: accepted", "Whether the gain is significant."),
    "tuning.written": FieldLabel("Tuning: written", "Whether the settings are in the index now."),
    **_measured(
        "tuning.gain", "Tuning: gain", "Gain on users that the settings were not chosen on."
    ),
    "gate.decision": FieldLabel("Gate: decision", "Stands for it; its checks have it too."),
    "gate.command": FieldLabel("Gate: command", "index reindex or reencode."),
    "gate.source": FieldLabel("Gate: in place of", "The version that Index was to replace."),
    "gate.passed": FieldLabel("Gate: passed", "Whether every check was good enough."),
    "gate.swapped": FieldLabel("Gate: swapped", "Whether Index became the active version."),
    "gate.reason": FieldLabel("Gate: reason", "What the checks that failed found."),
    "check.name": FieldLabel("Check", "What was looked at: counts, vectors, recall and so on."),
    "check.of": FieldLabel("Check: of", "The language or the candidates that it measured."),
    "check.ok": FieldLabel("Check: passed", "Whether it was good enough."),
    "check.message": FieldLabel("Check: found", "What it found, in a sentence."),
    "check.value": FieldLabel("Check: measured", "The number that decides.", _DECIMAL),
    "check.low": FieldLabel("Check: measured, 95% from", "Of an estimate over users.", _DECIMAL),
    "check.high": FieldLabel("Check: measured, 95% to", "Of an estimate over users.", _DECIMAL),
    "check.limit": FieldLabel("Check: limit", "The value that just passes.", _DECIMAL),
    **_measured("recall", "Recall", "Test items among the first k of a list."),
    **_measured("recall_cold", "Recall of cold items", "Of items with fewer than 5 users."),
    **_measured("recall_warm", "Recall of warm items", "Of items with 5 users or more."),
    **_measured("ndcg_at_10", "nDCG@10", "Gain by rank in the first 10."),
    **_measured("source_share", "Source language", "Share of a list in the user's language."),
    **_measured("pair.recall", "Pair: recall", "Recall for this pair of languages."),
    **_measured("pair.ndcg_at_10", "Pair: nDCG@10", "nDCG@10 for this pair of languages."),
    "source_share_of_pool": FieldLabel(
        "Source language of candidates", "Share of the candidates in the user's language.", PERCENT
    ),
    "coverage": FieldLabel("Coverage", "Share of the items that are in any list.", PERCENT),
}

SHOWN: dict[str, FieldLabel] = {
    **_of_list(),
    "@timestamp": FieldLabel("Time (data stream)", "The same as Time."),
    "work": FieldLabel("Item of the document", "The item: its language versions share it."),
    "index": FieldLabel("Index", "The version that was searched."),
    "fingerprint": FieldLabel("Fingerprint", "Of the encoder that made its vectors."),
    "languages_asked": FieldLabel("Languages asked for", "Those that the list was to have."),
    "score": FieldLabel("Score", "By which the list is ordered.", _DECIMAL),
    "propensity": FieldLabel("Propensity", "Probability with which it was shown.", PERCENT),
    "degraded": FieldLabel("Partial", "Whether a search of the list failed or came late."),
    "clicked": FieldLabel("Clicked", "Of logs in which the row itself says so."),
    "action_name": FieldLabel("UBI: action", "impression."),
    "client_id": FieldLabel("UBI: client", "The user's ID."),
    "user_id": FieldLabel("UBI: user", "The user's ID."),
    "timestamp": FieldLabel("UBI: time", "The same as Time."),
    "event_attributes.object.object_id": FieldLabel("UBI: object", "ID of the document."),
    "event_attributes.object.internal_id": FieldLabel(
        "UBI: internal ID", "ID of the document in the index."
    ),
    "event_attributes.position.ordinal": FieldLabel("UBI: position", "The same as Rank.", WHOLE),
}

CLICKS: dict[str, FieldLabel] = {
    **_of_list(),
    "event": FieldLabel("Event", "What the user did: view, click, purchase, hide and so on."),
}

RUNS: Mapping[str, FieldLabel] = {
    "@timestamp": FieldLabel("Ended", "When the run ended."),
    "started": FieldLabel("Started", "When the run began."),
    "ended": FieldLabel("Ended at", "The same as Ended."),
    "run": FieldLabel("Run", "Stands for one run; its rejected records have it too."),
    "outcome": FieldLabel("Outcome", "complete, stopped or failed."),
    "index": FieldLabel("Index", "Alias or index that was written."),
    "version": FieldLabel("Version", "The physical index behind it."),
    "fingerprint": FieldLabel("Fingerprint", "Of the encoder that made the vectors."),
    "source": FieldLabel("Source", "Where the records came from."),
    "documents": FieldLabel("Documents", "Documents that were made of the records.", WHOLE),
    "indexed": FieldLabel("Indexed", "New or changed documents.", WHOLE),
    "unchanged": FieldLabel("Unchanged", "Documents that were in the index already.", WHOLE),
    "superseded": FieldLabel("Superseded", "Documents older than those in the index.", WHOLE),
    "deleted": FieldLabel("Deleted", "Documents that were deleted.", WHOLE),
    "rejected": FieldLabel("Rejected", "Records and documents with a fault.", WHOLE),
    "retries": FieldLabel("Retries", "Bulk requests that were sent once more.", WHOLE),
    "documents_per_second": FieldLabel("Documents a second", "Over the whole run.", _DECIMAL),
}

REJECTS: Mapping[str, FieldLabel] = {
    "@timestamp": FieldLabel("Rejected", "When the record was rejected."),
    "run": FieldLabel("Run", "Stands for the run that rejected it."),
    "index": FieldLabel("Index", "Alias or index that was written."),
    "stage": FieldLabel("Stage", "Where it was rejected: read, document, encode or write."),
    "reason": FieldLabel("Reason", "Why, without what it quotes of the record."),
    "document": FieldLabel("Document", "ID of the document, where there is one."),
    "line": FieldLabel("Line", "Of the input, or of its file.", WHOLE),
    "file": FieldLabel("File", "Of an input of several files, the one that has the record."),
}
