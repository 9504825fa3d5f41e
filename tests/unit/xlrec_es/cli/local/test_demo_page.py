from __future__ import annotations

import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from xlrec_es import demo, node
from xlrec_es.cli.local.demo_page import page_server
from xlrec_es.cli.main import main
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import MissingExtra
from xlrec_es.service.web import server

SAMPLES = {"plays chess": ("chess", "go")}


def test_it_serves_the_demo_to_this_machine_and_opens_a_browser(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[Any] = []
    browsed: list[str] = []
    browses = threading.Event()

    def serve(make: Callable[[], object], listening: socket.socket) -> None:
        with listening:
            served.extend([make, server.url_of(listening)])
        raise KeyboardInterrupt

    def browse(url: str) -> None:
        browsed.append(url)
        browses.set()

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(webbrowser, "open", browse)
    connection = Connection("http://es:9200", timeout_s=3.0)
    page_server()(connection, SAMPLES)
    make, url = served
    settings = make.settings
    assert (settings.indices, settings.samples) == ((demo.INDEX,), SAMPLES)
    assert (settings.connection, settings.timeout_s) == (connection, 3.0)
    assert settings.access.needed("/v1/recommend") == "read"
    assert not settings.access.serves("shop.example")
    assert url.startswith("http://127.0.0.1:")
    assert f"The page is at {url} until" in capsys.readouterr().out
    assert browses.wait(10)
    assert browsed == [url]


def test_what_is_missing_is_said_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node, "running", None)  # not called
    monkeypatch.setitem(sys.modules, "xlrec_es.service.application", None)
    with pytest.raises(MissingExtra, match=r"pip install 'xlrec-es\[serve\]'"):
        page_server()
    done = CliRunner().invoke(main, ["demo", "--open"])
    assert done.exit_code == 1
    assert "pip install 'xlrec-es[serve]'" in done.stderr


@pytest.mark.parametrize("other", [["--json"], ["--export", "/tmp/none"]])
def test_a_page_is_not_shown_with_what_prints_for_programs(other: list[str]) -> None:
    done = CliRunner().invoke(main, ["demo", "--open", *other])
    assert done.exit_code == 2
    assert "leave it out with --json or --export" in done.stderr
