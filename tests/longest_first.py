"""A pytest plugin: where processes share the files, those that take long begin first.

Else one process works at a long file at the end, and the others have nothing left to do. xdist
itself begins with the files of many tests (`--no-loadscope-reorder` has it leave that), which are
the quick ones here. What a file takes is estimated: the order is the same on every machine, and a
wrong guess costs a few seconds.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

# Seconds, about: of a test with this mark, and of another one by the folder below `tests`.
_SLOW_S = 30.0
_SECONDS = {"e2e": 3.0, "integration": 1.0, "package": 1.0}
_OTHERS_S = 0.1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files, in each process of several; a file's tests stay as they are."""
    if not hasattr(config, "workerinput"):
        return
    tests = config.rootpath / "tests"
    seconds: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        seconds[item.path] += _estimate(item, tests)
    items.sort(key=lambda item: (-seconds[item.path], item.path))


def _estimate(item: pytest.Item, tests: Path) -> float:
    if item.get_closest_marker("slow"):
        return _SLOW_S
    kind = item.path.relative_to(tests).parts[0] if item.path.is_relative_to(tests) else ""
    return _SECONDS.get(kind, _OTHERS_S)
