"""Documents that are copied one by one, on a real node."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from fault_proxy import Fault, Items, fault_proxy
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.versions.copier import Copier, copied_as_is


def test_a_document_that_was_made_anew_takes_the_place_of_the_older(
    es: Elasticsearch, index_name: str
) -> None:
    """Its versions are counted from 1 again, so the target holds a higher one."""
    source, target = f"{index_name}-1", f"{index_name}-2"
    es.indices.create(index=source)
    es.indices.create(index=target, mappings={"properties": {"when": {"type": "date"}}})
    es.index(
        index=target, id="a", document={"n": 0}, version=7, version_type="external", routing="r"
    )
    es.index(index=source, id="a", document={"n": 1}, routing="r")
    es.index(index=source, id="b", document={"n": 2})
    es.index(index=source, id="bad", document={"when": "soon"})
    copier = Copier(es, source, target, transform=copied_as_is(packed=False))
    now = copier.checkpoint()
    assert copier.copy_after({}, list(now)) == 2
    assert copier.tally.refused.keys() == {"bad"}
    assert "failed to parse field [when]" in copier.tally.refused["bad"]
    copied = es.get(index=target, id="a", routing="r")
    assert (copied["_version"], copied["_source"]) == (8, {"n": 1})
    assert es.get(index=target, id="b")["_source"] == {"n": 2}


@pytest.mark.parametrize("status", [400, 409])
def test_what_could_not_be_deleted_is_told(
    es: Elasticsearch, es_url: str, index_name: str, status: int
) -> None:
    source, target = f"{index_name}-1", f"{index_name}-2"
    es.indices.create(index=source)
    for id_ in "abc":
        es.index(index=target, id=id_, document={"n": 1})
    error = {"type": "illegal_argument_exception", "reason": "not today"}

    def refuse(items: Items) -> Items:
        assert [list(item) for item in items] == [["delete"]] * 3
        changed = {"delete": items[1]["delete"] | {"status": status, "error": error}}
        return [items[0], changed, items[2]]

    with fault_proxy(es_url) as proxy, connect(Connection(proxy.url)) as client:
        proxy.faults = [Fault(edit=refuse)]
        copier = Copier(client, source, target, transform=copied_as_is(packed=False))
        assert copier.remove_deleted() == 2
        assert copier.tally.deleted == 2
        [(name, reason)] = copier.tally.refused.items()
        assert name in "abc"
        assert reason.startswith("it was deleted, and stays: ")
        es.index(index=target, id=name, document={"n": 1})
        assert copier.remove_deleted() == 1  # and is told no more
        assert copier.tally.refused == {}
