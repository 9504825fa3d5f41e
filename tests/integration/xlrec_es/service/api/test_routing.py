"""Whatever a caller sends: the service answers as `openapi.json` says, and stays well."""

from __future__ import annotations

import http.client
import random
from contextlib import closing
from urllib.parse import urlsplit

import orjson
import psutil
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from http_service import Service

EXAMPLES = 20
"""Of each endpoint, of what fits its schema, and of what does not."""

FUZZED = 600

MIB = 2**20
_BODY: dict[str, object] = {
    "history": ["chess-1", {"item": "chess-2", "event": "like", "rating": 3.5}],
    "languages": {"ja": 0.7, "de": 0.3},
    "size": 3,
    "options": {"diversity": 0.5, "filters": [{"range": {"price": {"lte": 9}}}], "explain": True},
}


def test_answers_are_as_described(served: Service) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {operation.path for operation in operations} >= {"/v1/recommend", "/v1/events"}
    checked = 0
    for operation in operations:
        for mode in GenerationMode if operation.body else (GenerationMode.POSITIVE,):

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: schemathesis.Case) -> None:
                nonlocal checked
                checked += 1
                # Languages and cursors that there are not are refused, which no schema says.
                case.call_and_validate(
                    base_url=served.url, excluded_checks=[positive_data_acceptance]
                )

            check()
    assert checked > 10 * EXAMPLES
    assert "Traceback" not in served.log.read_text("utf-8")


def test_rubbish_leaves_the_service_well(served: Service) -> None:
    chance = random.Random(3)
    process = psutil.Process(served.process.pid)
    expected = served.post("/v1/recommend", _BODY).json
    address = urlsplit(served.url)
    paths = [
        f"/v1/{name}" for name in ("recommend", "rank", "search", "similar", "events", "query")
    ]
    memory = []
    with closing(
        http.client.HTTPConnection(address.hostname or "", address.port or 0)
    ) as connection:
        for number in range(FUZZED):
            body = mutated(orjson.dumps(_BODY), chance)
            connection.request(
                "POST", chance.choice(paths), body, {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status < 500, (body, content)
            assert orjson.loads(content)
            if number % 50 == 0:
                memory.append(process.memory_info().rss)
    assert served.post("/v1/recommend", _BODY).json == expected
    assert memory[-1] - memory[len(memory) // 4] < 20 * MIB
    assert "Traceback" not in served.log.read_text("utf-8")


def mutated(body: bytes, chance: random.Random) -> bytes:
    """A body with some bytes changed, left out, doubled or put elsewhere."""
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at, other = chance.randrange(len(changed)), chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randrange(1, 9)]
            case 2:
                changed[other:other] = changed[at : at + chance.randrange(1, 20)]
            case _:
                changed[at:at] = chance.choice((b"[", b"{", b"null", b"1e999", b"-0", b'"\\ud800"'))
        if not changed:
            return b"{"
    return bytes(changed)
