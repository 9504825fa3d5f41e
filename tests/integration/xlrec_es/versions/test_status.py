"""What is counted of each version."""

from __future__ import annotations

from elasticsearch import Elasticsearch

from catalogue import (
    FINGERPRINT,
    SPARSE_FINGERPRINT,
    add_version,
    documents,
    sparse_documents,
    write_catalogue,
)
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.status import WITHOUT, LanguageCoverage, measure


def test_status_counts_what_is_there(es_each: Elasticsearch, index_name: str) -> None:
    bare = {"xlrec": {"language": "ko", "text": {}, "fingerprint": "another"}, "title": "x"}
    complements = {"weights": {"chess-0": 2.0}, "from": "learned", "generation": "1"}
    made = {"language": "ko", "text": {}, "fingerprint": FINGERPRINT.digest}
    basket = {"xlrec": {**made, "bought_together": complements}}
    more = {"bare": bare, "none": {"title": "x"}, "basket": basket}
    write_catalogue(es_each, index_name, more)
    closed = add_version(es_each, index_name, documents=0)
    es_each.indices.close(index=closed)
    live, other = measure(es_each, read_versions(es_each, index_name))
    counts = {"de": 0, "en": 0, "ja": 0}
    for document in documents().values():
        counts[document["xlrec"]["language"]] += 1  # type: ignore[index]
    expected = {language: LanguageCoverage(n, n, n) for language, n in counts.items()}
    expected |= {
        "ko": LanguageCoverage(2, 0, 0, bought_together=1),
        WITHOUT: LanguageCoverage(1, 0, 0),
    }
    assert live.languages == expected
    assert live.documents == len(documents()) + 3
    assert live.strays == 1
    assert live.size_bytes is not None
    assert live.size_bytes > 1000
    assert (live.state, live.model, live.fingerprint) == (
        "live",
        FINGERPRINT.model,
        FINGERPRINT.digest,
    )
    assert (other.state, other.documents, other.languages) == ("newer", None, {})


def test_learned_sparse_weights_are_counted_where_there_are_any(
    es_each: Elasticsearch, index_name: str
) -> None:
    instead = sparse_documents(shuffled=False)
    without: dict[str, object] = instead["chess-9"]["xlrec"]  # type: ignore[assignment]
    del without["sparse"]
    instead["chess-8"]["xlrec"]["sparse"] = {}  # type: ignore[index]
    write_catalogue(es_each, index_name, instead=instead, fingerprint=SPARSE_FINGERPRINT)
    [live] = measure(es_each, read_versions(es_each, index_name))
    counted = {language: (c.documents, c.sparse) for language, c in live.languages.items()}
    assert len(counted) == 3
    for language, (there, weighed) in counted.items():
        assert weighed == there - (language == without["language"]), "one that says nothing counts"
