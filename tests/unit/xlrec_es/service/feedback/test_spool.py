"""Documents on disk, until they are in Elasticsearch."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from xlrec_es.errors import ConfigError
from xlrec_es.service.feedback.spool import (
    FILE,
    REJECTED,
    REJECTED_BEFORE,
    Document,
    Spool,
    SpoolFull,
)

CLUSTER = "http://127.0.0.1:9200"


def documents(count: int, target: str = "events", body: bytes = b"{}") -> list[Document]:
    return [Document(target, f"{target}-{number}", body) for number in range(count)]


def test_what_was_put_is_there_for_the_next_process(tmp_path: Path) -> None:
    async def first() -> None:
        spool = Spool(tmp_path, cluster=CLUSTER)
        await asyncio.gather(*(spool.put([one]) for one in documents(50)))
        # Not closed: as if the process was killed.

    async def second() -> None:
        spool = Spool(tmp_path, cluster=CLUSTER)
        assert await spool.waiting() == 50
        [found] = await spool.first(20)
        assert [one.document for one in found] == documents(20)
        await spool.remove([one.number for one in found])
        assert await spool.waiting() == 30
        await spool.close()

    asyncio.run(first())
    asyncio.run(second())


def test_one_target_does_not_hold_up_another(tmp_path: Path) -> None:
    async def run() -> None:
        spool = Spool(tmp_path, cluster=CLUSTER)
        await spool.put(documents(30, "blocked"))
        await spool.put(documents(3, "open"))
        found = {some[0].document.target: len(some) for some in await spool.first(10)}
        assert found == {"blocked": 10, "open": 3}
        await spool.close()

    asyncio.run(run())


def test_it_does_not_grow_beyond_its_bound(tmp_path: Path) -> None:
    async def run() -> None:
        spool = Spool(tmp_path, cluster=CLUSTER, most_bytes=2**18)
        kept = 0

        async def fill() -> None:
            nonlocal kept
            while kept < 10_000:
                await spool.put(documents(100, body=b"x" * 100))
                kept += 100

        with pytest.raises(SpoolFull, match="send them again later"):
            await fill()
        assert await spool.waiting() == kept > 500
        assert (tmp_path / FILE).stat().st_size <= 2**18
        [found] = await spool.first(kept)
        await spool.remove([one.number for one in found])
        await spool.put(documents(100))
        await spool.close()

    asyncio.run(run())


def test_a_caller_that_goes_away_takes_nobody_along(tmp_path: Path) -> None:
    async def run() -> None:
        spool = Spool(tmp_path, cluster=CLUSTER)
        tasks = [asyncio.create_task(spool.put([one])) for one in documents(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None for result in ended[1::2])
        assert await spool.waiting() >= 10
        await spool.close()

    asyncio.run(run())


def test_what_is_refused_is_written_down_with_its_reason(tmp_path: Path) -> None:
    async def run() -> None:
        spool = Spool(tmp_path, cluster=CLUSTER)
        await spool.put(documents(3, body=b'{"item": "apple"}'))
        [found] = await spool.first(1)
        await spool.set_aside([(found[0], "no number")])
        assert await spool.waiting() == 2
        await spool.close()

    asyncio.run(run())
    told = json.loads((tmp_path / REJECTED).read_text())
    assert told == {
        "index": "events",
        "id": "events-0",
        "reason": "no number",
        "document": {"item": "apple"},
    }


def test_what_is_refused_does_not_fill_the_disk(tmp_path: Path) -> None:
    most = 2**17
    body = json.dumps({"item": "x" * 1000}).encode()

    async def run() -> None:
        spool = Spool(tmp_path, cluster=CLUSTER, most_bytes=most)
        for _ in range(30):
            await spool.put(documents(10, body=body))
            [found] = await spool.first(10)
            await spool.set_aside([(one, "no number") for one in found])
        assert await spool.waiting() == 0
        await spool.close()

    asyncio.run(run())
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("rejected*")}
    assert sizes.keys() == {REJECTED, REJECTED_BEFORE}
    assert most // 2 <= sizes[REJECTED_BEFORE] < most
    assert sizes[REJECTED] < most
    rows = [json.loads(line) for line in (tmp_path / REJECTED).read_text().splitlines()]
    assert {row["reason"] for row in rows} == {"no number"}


def test_one_of_several_delivers(tmp_path: Path) -> None:
    one, other = Spool(tmp_path, cluster=CLUSTER), Spool(tmp_path, cluster=CLUSTER)
    lock = one.take_delivery()
    assert lock is not None
    assert other.take_delivery() is None
    lock.close()
    again = other.take_delivery()
    assert again is not None
    again.close()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="see --spool"):
        Spool(tmp_path / "file" / "spool", cluster=CLUSTER)
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigError, match="see --spool"):
        Spool(tmp_path, cluster=CLUSTER)


def test_what_waits_goes_to_no_other_cluster(tmp_path: Path) -> None:
    async def run() -> None:
        spool = Spool(tmp_path, cluster="http://one")
        Spool(tmp_path, cluster="http://other")  # nothing waits
        Spool(tmp_path, cluster="http://one")
        await spool.put(documents(1))
        with pytest.raises(ConfigError, match="events for http://one wait in"):
            Spool(tmp_path, cluster="http://other")
        Spool(tmp_path, cluster="http://one")
        await spool.close()

    asyncio.run(run())
