"""What did not get through is tried again."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import elasticsearch
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import Elasticsearch

from xlrec_es.cluster.retry import NotReady, Patience, passes
from xlrec_es.errors import ClusterError, ClusterUnreachable, PermissionDenied

CLIENT = Elasticsearch("http://127.0.0.1:1")
LONG = Patience(retry_s=60, max_wait_s=0.001)
SHORT = Patience(retry_s=0.05, max_wait_s=0.001)

TRIED_TWICE = """
from xlrec_es.cluster.retry import NotReady, Patience

answers = iter([NotReady("not yet"), None])

def ask():
    if error := next(answers):
        raise error
    print("done")

Patience(max_wait_s=0.01).retrying(lambda error: isinstance(error, NotReady))(ask)
"""


def test_trying_again_is_silent_unless_somebody_listens() -> None:
    """Python writes warnings that no handler takes to standard error, across a progress bar."""
    command = [sys.executable, "-c", TRIED_TWICE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")


def refusal(status: int) -> elasticsearch.ApiError:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "127.0.0.1", 1))
    kind = elasticsearch.exceptions.HTTP_EXCEPTIONS.get(status, elasticsearch.ApiError)
    return kind("refused", meta, {})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *((refusal(status), True) for status in (429, 502, 503, 504)),
        *((refusal(status), False) for status in (400, 401, 403, 404, 409, 413, 500)),
        (ClusterError("busy", status=429), True),
        (ClusterError("wrong", status=400), False),
        (ClusterError("unknown"), False),
        (ClusterUnreachable("away"), True),
        (elasticsearch.ConnectionError("away"), True),
        (elasticsearch.ConnectionTimeout("late"), True),
        (elasticsearch.SSLError("a wrong certificate"), False),
        (NotReady("a shard"), True),
        (ValueError("ours"), False),
    ],
)
def test_what_passes_is_of_a_cluster_in_trouble(error: Exception, expected: bool) -> None:
    assert passes(error) is expected


def failing(*errors: Exception) -> Callable[[], str]:
    """Raises these, one after the other, and then the last one for ever or answers."""
    left = list(errors)

    def send() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return send


def test_what_passes_is_sent_again() -> None:
    send = failing(refusal(503), NotReady("a shard"), elasticsearch.ConnectionError("away"))
    assert LONG.call(CLIENT, send) == "answer"
    with pytest.raises(PermissionDenied, match=r"127\.0\.0\.1:1 refused"):
        LONG.call(CLIENT, failing(refusal(403)))


def test_time_is_up_one_day() -> None:
    started = time.monotonic()
    with pytest.raises(ClusterError, match="answered 503"):
        SHORT.call(CLIENT, failing(*[refusal(503)] * 1000))
    assert 0.04 < time.monotonic() - started < 10
    with pytest.raises(NotReady, match="the last"):  # as it came
        Patience(retry_s=0).retrying(passes)(failing(NotReady("the last")))


def test_whoever_gives_up_waits_no_longer() -> None:
    patience = Patience(retry_s=60, max_wait_s=60)
    threading.Timer(0.05, patience.give_up.set).start()
    started = time.monotonic()
    with pytest.raises(NotReady):
        patience.retrying(passes)(failing(*[NotReady("x")] * 1000))
    assert time.monotonic() - started < 30


def test_pauses_grow_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("random.uniform", lambda _least, most: most)
    patience = Patience(retry_s=1e9, max_wait_s=5)
    monkeypatch.setattr(patience.give_up, "wait", lambda timeout: pauses.append(timeout))
    patience.retrying(passes)(failing(*[NotReady("x")] * 6))
    assert pauses == [0.5, 1, 2, 4, 5, 5]


def test_whoever_listens_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level(logging.WARNING, "xlrec_es.cluster.retry"):
        LONG.call(CLIENT, failing(NotReady("no shard\nof three"), refusal(429)))
    assert [record.getMessage() for record in caplog.records] == ["trying again"] * 2
    told = [record.__dict__ for record in caplog.records]
    assert [(one["attempt"], one["reason"]) for one in told] == [
        (1, "no shard"),
        (2, "ApiError(429, 'refused')"),
    ]
    assert all(0 <= one["pause_s"] <= 0.01 for one in told)
    caplog.clear()
    monkeypatch.setattr("random.uniform", lambda _least, most: most)
    patience = Patience(retry_s=60, max_wait_s=0.0456)
    patience.retrying(passes)(failing(NotReady("x")))
    assert [record.__dict__["pause_s"] for record in caplog.records] == [0.05]
