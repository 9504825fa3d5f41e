"""What the gate of a reindex measures, where what it measures is poor."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from catalogue import LANGUAGES, write_catalogue
from fault_proxy import Fault, FaultProxy, Items, fault_proxy
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import GateFailed
from xlrec_es.index.live_index import find_live
from xlrec_es.versions import gate_checks
from xlrec_es.versions.copier import copied_as_is
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import Reindexer, plan

LIMITS = Limits(recall=0.8, overlap=0.0)


@pytest.fixture
def proxy(es_url: str) -> Iterator[FaultProxy]:
    with fault_proxy(es_url, "_msearch") as proxy:
        yield proxy


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[Elasticsearch]:
    with connect(Connection(proxy.url)) as client:
        yield client


def finding(share: float) -> Fault:
    """Vector searches find a share of what they would: a graph cannot be made so poor here."""

    def fewer(responses: Items) -> Items:
        for response in responses:
            hits = response["hits"]["hits"]
            response["hits"]["hits"] = hits[: round(share * len(hits))]
        return responses

    return Fault(edit=fewer)


@pytest.mark.parametrize(("share", "ok"), [(1.0, True), (0.9, True), (0.7, False), (0.0, False)])
def test_recall_is_the_share_of_the_nearest_that_is_found(
    es: Elasticsearch,
    client: Elasticsearch,
    proxy: FaultProxy,
    index_name: str,
    share: float,
    ok: bool,
) -> None:
    live = write_catalogue(es, index_name)
    proxy.faults = [finding(share)] * len(LANGUAGES)  # a request for each
    [vectors, recall] = gate_checks.check_vectors(client, live.name, live, LIMITS)
    assert vectors.ok
    assert (recall.name, recall.ok) == ("recall", ok)
    measured = re.findall(r"found: \w+ ([\d.]+)", recall.message)[0]
    assert float(measured) == pytest.approx(share, abs=0.05)  # 8 bits tell not all apart
    assert proxy.faults == []


def test_what_is_not_found_leaves_the_alias_where_it_is(
    es: Elasticsearch, client: Elasticsearch, proxy: FaultProxy, index_name: str
) -> None:
    live = write_catalogue(es, index_name)
    work = Reindexer(
        client, plan(read_versions(es, index_name)), copied_as_is(packed=False), limits=LIMITS
    )
    proxy.when = lambda body: finding(0.5) if b'"knn"' in body else None
    with pytest.raises(GateFailed, match=r"recall: of the exact nearest 10, found: ") as found:
        work.run()
    assert [check.name for check in found.value.checks if not check.ok] == ["recall"]
    assert find_live(es, index_name).name == live.name
