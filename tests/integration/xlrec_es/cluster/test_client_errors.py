"""The client's errors as sentences."""

from __future__ import annotations

import pytest

from xlrec_es import Connection, connect
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import ClusterUnreachable


def test_an_unreachable_cluster_is_one_sentence() -> None:
    client = connect(Connection("http://127.0.0.1:9", timeout_s=1), max_retries=0)
    with pytest.raises(ClusterUnreachable, match="xlrec-es node start"), friendly_errors(client):
        client.indices.get(index="a")
    client.close()
