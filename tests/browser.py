"""A headless Chromium for tests of pages: the system's own, for pip brings none."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str:
    """Where Chromium is, by one of its usual names."""
    if path := next(filter(None, map(shutil.which, NAMES)), None):
        return path
    pytest.fail("no Chromium: install it, with apt-get install chromium for one")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window; pages of it are at their own sizes and colour schemes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path())
        try:
            yield browser
        finally:
            browser.close()
