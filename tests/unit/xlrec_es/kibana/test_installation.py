"""Objects into a Kibana that answers as Kibana documents, and what is told of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fake_kibana import FakeKibana, Handler
from served import served
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import KibanaError
from xlrec_es.kibana.installation import install, rehearse
from xlrec_es.kibana.saved_objects import (
    DASHBOARD,
    DATA_VIEW,
    SEARCH,
    Reference,
    SavedObject,
    ndjson,
)
from xlrec_es.kibana.server import Kibana

VIEW = SavedObject(DATA_VIEW, "v", {"title": "shop", "name": "Shop"})
FOUND = SavedObject(SEARCH, "s", {"title": "Cold"}, (Reference("index", DATA_VIEW, "v"),))
BOARD = SavedObject(DASHBOARD, "d", {"title": "Größe"}, (Reference("it", DATA_VIEW, "v"),))
ALL = [VIEW, FOUND, BOARD]


@pytest.fixture
def fake() -> Iterator[FakeKibana]:
    server = FakeKibana("shop", "books")
    with served(server):
        yield server


def of(fake: FakeKibana, space: str = "shop", **connection: str) -> Kibana:
    return Kibana(Connection(fake.url, **connection), space=space)  # type: ignore[arg-type]


def became(
    fake: FakeKibana, objects: list[SavedObject] = ALL, *, space: str = "shop"
) -> dict[str, tuple[str, str]]:
    done = install(of(fake, space), objects, ndjson(objects))
    assert [(one.type, one.id) for one in done.outcomes] == [(one.type, one.id) for one in objects]
    return {one.title: (one.became, one.why) for one in done.outcomes}


def test_objects_are_created_and_then_overwritten(fake: FakeKibana) -> None:
    assert became(fake) == dict.fromkeys(("Shop", "Cold", "Größe"), ("created", ""))
    assert fake.spaces["shop"].objects.keys() == {(one.type, one.id) for one in ALL}
    assert fake.spaces["shop"].objects["dashboard", "d"]["attributes"] == {"title": "Größe"}
    assert fake.spaces["default"].objects == {}
    changed = SavedObject(DASHBOARD, "d", {"title": "Renamed"})
    assert became(fake, [changed]) == {"Renamed": ("overwritten", "")}
    assert fake.spaces["shop"].objects["dashboard", "d"]["attributes"] == {"title": "Renamed"}


def test_the_request_is_what_kibana_demands(fake: FakeKibana) -> None:
    became(fake)
    asked = fake.asked[-1]
    assert asked.path == "/s/shop/api/saved_objects/_import?overwrite=true"
    assert asked.headers["kbn-xsrf"]
    assert asked.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    became(fake, space="default")
    assert fake.asked[-1].path == "/api/saved_objects/_import?overwrite=true"


def test_the_file_is_sent_as_it_is(fake: FakeKibana) -> None:
    content = ndjson([VIEW]).replace(b'"managed"', b'"version": "WzEsMV0=", "managed"')
    install(of(fake), [VIEW], content)
    assert fake.spaces["shop"].objects["index-pattern", "v"]["version"] == "WzEsMV0="


def test_without_a_reference_nothing_is_written_whatever_kibana_lists(fake: FakeKibana) -> None:
    other = SavedObject(DATA_VIEW, "w", {"title": "books"})
    found = became(fake, [other, FOUND])
    assert found["books"][0] == "not written"
    state, why = found["Cold"]
    assert state == "failed"
    assert "it needs index-pattern v, which is neither in the file nor in the space" in why
    assert fake.spaces["shop"].objects == {}
    became(fake, [VIEW])
    assert became(fake, [FOUND]) == {"Cold": ("created", "")}  # it is in the space now


def test_what_cannot_be_written_is_told_beside_what_is(fake: FakeKibana) -> None:
    fake.broken["search", "s"] = {"statusCode": 500, "message": "disk usage exceeded"}
    fake.conflicts.add(("dashboard", "d"))
    found = became(fake)
    assert found["Shop"] == ("created", "")
    assert found["Cold"] == ("failed", "disk usage exceeded")
    assert found["Größe"][0] == "failed"
    assert "changed it meanwhile" in found["Größe"][1]
    done = install(of(fake), ALL, ndjson(ALL))
    assert [one.id for one in done.unwritten] == ["s", "d"]


def test_a_type_that_it_does_not_know(fake: FakeKibana) -> None:
    strange = SavedObject("hologram", "h", {"title": "Hologram"})
    found = became(fake, [VIEW, strange])
    assert found == {
        "Shop": ("created", ""),
        "Hologram": ("failed", "this Kibana takes no objects of the type hologram"),
    }


def test_several_copies_of_an_object(fake: FakeKibana) -> None:
    error = {"type": "ambiguous_conflict", "destinations": [{"id": "x"}, {"id": "y"}]}
    answered(
        fake,
        {
            "success": False,
            "successCount": 1,
            "successResults": [{"type": "search", "id": "s"}],
            "errors": [{"type": "dashboard", "id": "d", "error": error}],
        },
    )
    found = became(fake, [FOUND, BOARD])
    assert found["Cold"][0] == "not written"
    assert "several copies of it (x, y)" in found["Größe"][1]


def answered(fake: FakeKibana, told: dict[str, Any]) -> None:
    """Have it answer every import so."""
    fake.import_objects = lambda *_, **__: told  # type: ignore[method-assign]


def test_an_object_of_which_nothing_is_said(fake: FakeKibana) -> None:
    answered(fake, {"success": True, "successCount": 0})
    assert became(fake, [VIEW])["Shop"] == ("failed", "Kibana does not say what became of it")


def test_an_answer_to_an_import_that_is_none(fake: FakeKibana) -> None:
    answered(fake, {"took": 3})
    with pytest.raises(KibanaError, match="is no Kibana"):
        became(fake)


def test_the_same_file_in_two_spaces(fake: FakeKibana) -> None:
    became(fake)
    done = install(of(fake, "books"), ALL, ndjson(ALL))
    ids = [one.stands_as for one in done.outcomes]
    assert all(ids)
    assert {one.became for one in done.outcomes} == {"created"}
    again = install(of(fake, "books"), ALL, ndjson(ALL))
    assert [one.stands_as for one in again.outcomes] == ids
    assert {one.became for one in again.outcomes} == {"overwritten"}


def test_a_space_that_is_not_there_is_not_written_into(fake: FakeKibana) -> None:
    with pytest.raises(KibanaError, match="has no space cellar"):
        became(fake, space="cellar")
    assert "cellar" not in fake.spaces


def test_a_key_that_may_only_read(fake: FakeKibana) -> None:
    fake.writers, fake.readers = set(), {"ApiKey a2V5"}
    with pytest.raises(KibanaError, match="Unable to bulk_create") as caught:
        install(of(fake, api_key="a2V5"), ALL, ndjson(ALL))
    assert "xlrec-es role kibana --space shop" in str(caught.value)
    assert str(caught.value).endswith(". Nothing was written")


def test_a_file_that_is_too_large(fake: FakeKibana) -> None:
    fake.max_bytes = 100
    with pytest.raises(KibanaError, match=r"savedObjects\.maxImportPayloadBytes") as caught:
        became(fake)
    assert "greater than maximum allowed: 100" in str(caught.value)
    assert str(caught.value).endswith(". Nothing was written")


def test_a_file_that_kibana_refuses(fake: FakeKibana) -> None:
    with pytest.raises(KibanaError, match=r"Non-unique import objects detected") as caught:
        became(fake, [VIEW, VIEW])
    assert str(caught.value).endswith(". Nothing was written")


def test_an_answer_that_does_not_come_leaves_open_what_was_written(fake: FakeKibana) -> None:
    fake.hangs_up = True
    with pytest.raises(KibanaError, match="run the same command again") as caught:
        became(fake)
    assert "Some of the objects may be written" in str(caught.value)
    assert len(fake.spaces["shop"].objects) == 3
    fake.hangs_up = False
    assert {state for state, _ in became(fake).values()} == {"overwritten"}


def after_the_space(status: int, text: str) -> Callable[[Handler], None]:
    """Tells of the space, and then answers so."""

    def fault(handler: Handler) -> None:
        if handler.command == "GET":
            handler.say(200, '{"id": "shop", "name": "Shop"}')
        else:
            handler.say(status, text)

    return fault


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_in_the_middle_leaves_it_open_too(fake: FakeKibana, status: int) -> None:
    fake.fault = after_the_space(status, "Too Many Requests")
    with pytest.raises(KibanaError, match="is not ready") as caught:
        became(fake)
    assert "Some of the objects may be written" in str(caught.value)


def test_a_rehearsal_writes_nothing(fake: FakeKibana) -> None:
    assert [one.became for one in rehearse(of(fake), ALL).outcomes] == ["new"] * 3
    assert fake.spaces["shop"].objects == {}
    became(fake, [VIEW])
    told = rehearse(of(fake), ALL)
    assert [one.became for one in told.outcomes] == ["there", "new", "new"]
    assert told.unwritten == []
    became(fake)
    assert [one.became for one in rehearse(of(fake), ALL).outcomes] == ["there"] * 3
    assert all("_import" not in one.path for one in fake.asked[:2])


def test_a_rehearsal_of_what_it_cannot_look_at(fake: FakeKibana) -> None:
    fake.fault = after_the_space(400, '{"message": "Trying to export non-exportable types"}')
    with pytest.raises(KibanaError, match="refuses to look: Trying to export non-exportable"):
        rehearse(of(fake), ALL)
    fake.fault = None
    with pytest.raises(KibanaError, match="has no space cellar"):
        rehearse(of(fake, "cellar"), ALL)
