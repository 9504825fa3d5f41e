from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from xlrec_es.cache_folder import cache_dir, exclusive


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"XLREC_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XLREC_CACHE": "~/d", "HOME": "/c"}, "/c/d"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/xlrec-es"),
        ({"XDG_CACHE_HOME": "", "HOME": "/c"}, "/c/.cache/xlrec-es"),
    ],
)
def test_where_the_cache_is(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XLREC_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_dir() == Path(expected)


def _add_one(lock: Path, counter: Path, times: int) -> None:
    for _ in range(times):
        with exclusive(lock):
            counter.write_text(str(int(counter.read_text()) + 1))


def test_processes_take_turns(tmp_path: Path) -> None:
    lock, counter = tmp_path / "new" / "lock", tmp_path / "counter"
    counter.write_text("0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add_one, args=(lock, counter, 200)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.read_text() == "600"
