"""An address where no Ray is ends in one sentence, at once: Ray itself tries for minutes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ingest.on_ray.session import RayOptions, session
from xlrec_es.errors import IngestError, UsageError


@pytest.fixture
def closed() -> Iterator[str]:
    """An address of this machine at which nothing listens, and nothing else will."""
    with socket.socket() as bound:
        bound.bind(("", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize(
    "address",
    [
        *("", "local", "host", "host:", "host:abc", "host:0", "host:70000", ":6379", "host:1/path"),
        *("http://host:8265", "ray://", "ray://host"),
    ],
)
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="is no address of a Ray cluster; give auto, HOST:PORT"):
        RayOptions(address)


@pytest.mark.parametrize("address", [None, "auto", "host:6379", "[::1]:6379", "ray://host:10001"])
def test_others_are_what_ray_takes(address: str | None) -> None:
    assert RayOptions(address).address == address


def test_there_is_a_worker_at_least() -> None:
    with pytest.raises(UsageError, match="workers is 0; it counts from 1"):
        RayOptions(workers=0)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_at_which_nothing_listens_is_told(scheme: str, closed: str) -> None:
    wanted = f"^cannot reach Ray at {scheme}{closed}: Connection refused; give the address of a"
    with pytest.raises(IngestError, match=wanted), session(RayOptions(scheme + closed)):
        pass


def test_a_host_that_is_not_known_is_told() -> None:
    with pytest.raises(IngestError, match=r"^cannot reach Ray at no\.such\.host\.invalid:6379: "):  # noqa: SIM117
        with session(RayOptions("no.such.host.invalid:6379")):
            pass


def test_what_auto_stands_for_is_told(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", closed)
    wanted = f"^cannot reach Ray at {closed}: Connection refused"
    with pytest.raises(IngestError, match=wanted), session(RayOptions("auto")):
        pass


def test_what_auto_stands_for_may_be_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    with pytest.raises(UsageError, match="8265' is no address"), session(RayOptions("auto")):
        pass
