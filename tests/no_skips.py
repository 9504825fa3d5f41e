"""A pytest plugin: a skipped test is a failed one, so that a green run hides nothing.

Two marks excuse a skip, since the project cannot bring what they need: `gpu`, and `shared_data` for
the data sets that may not be shipped.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

EXCUSES = ("gpu", "shared_data")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    expected_failure = hasattr(report, "wasxfail")  # pytest counts these as skipped too
    if report.skipped and not expected_failure and not any(map(item.get_closest_marker, EXCUSES)):
        report.outcome = "failed"
        report.longrepr = f"{_reason(report.longrepr)}; but a test may not skip: see {__file__}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:  # `importorskip`, or `skip` for a whole module
        report.outcome = "failed"
        report.longrepr = f"{_reason(report.longrepr)}; but a module may not skip: see {__file__}"
    return report


def _reason(skipped: object) -> str:
    """Pytest's own words, from (path, line, words)."""
    return str(skipped[2]) if isinstance(skipped, tuple) else str(skipped)
