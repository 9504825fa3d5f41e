"""Documents that are on their way: a later state waits for an earlier one."""

from __future__ import annotations

import threading

from ingest.run.documents_in_flight import DocumentsUnderWay


def test_a_document_waits_for_its_earlier_state() -> None:
    under_way = DocumentsUnderWay()
    under_way.enter({"a", "b"})
    under_way.enter({"c"})
    entered = threading.Event()

    def enter() -> None:
        under_way.enter({"b", "d"})
        entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    assert not entered.wait(0.1)
    under_way.leave({"a"})
    assert not entered.wait(0.1)
    under_way.leave({"b"})
    assert entered.wait(5)
    thread.join()


def test_closing_ends_the_wait() -> None:
    under_way = DocumentsUnderWay()
    under_way.enter({"a"})
    threading.Timer(0.1, under_way.close).start()
    under_way.drain()
    under_way.enter({"a"})
