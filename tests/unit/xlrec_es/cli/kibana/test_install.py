"""`xlrec-es kibana install` of a file: what it prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
from click.testing import CliRunner, Result

from fake_kibana import FakeKibana
from served import served
from tls_server import CERTIFICATES, TlsServer
from xlrec_es.cli.main import main
from xlrec_es.kibana.saved_objects import DASHBOARD, DATA_VIEW, Reference, SavedObject, ndjson

VIEW = SavedObject(DATA_VIEW, "v", {"title": "shop"})
BOARD = SavedObject(DASHBOARD, "d", {"title": "shop: Catalog"}, (Reference("v", DATA_VIEW, "v"),))


@pytest.fixture
def fake() -> Iterator[FakeKibana]:
    server = FakeKibana("shop")
    with served(server):
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.ndjson"
    path.write_bytes(ndjson([VIEW, BOARD]))
    return path


def install(url: str, *arguments: object, **variables: str) -> Result:
    given = ("kibana", "install", "--kibana-url", url, "--space", "shop", *map(str, arguments))
    return CliRunner().invoke(main, given, env={"COLUMNS": "200", **variables})


def rows(done: Result) -> list[str]:
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_it_shows_what_became_of_each_object(fake: FakeKibana, file: Path) -> None:
    done = install(fake.url, file)
    assert done.exit_code == 0, done.output
    assert rows(done) == [
        "object title became",
        "index-pattern shop created",
        "dashboard shop: Catalog created",
        f"Open {fake.url}/s/shop/app/dashboards",
    ]
    assert "dashboard shop: Catalog overwritten" in rows(install(fake.url, file))


def test_a_rehearsal_changes_nothing(fake: FakeKibana, file: Path) -> None:
    done = install(fake.url, file, "--dry-run")
    assert (done.exit_code, fake.spaces["shop"].objects) == (0, {})
    assert rows(done)[1:] == [
        "index-pattern shop would be created",
        "dashboard shop: Catalog would be created",
    ]
    install(fake.url, file)
    assert "dashboard shop: Catalog would be overwritten" in rows(
        install(fake.url, file, "--dry-run")
    )


def test_as_json(fake: FakeKibana, file: Path) -> None:
    told = json.loads(install(fake.url, file, "--json").stdout)
    assert told["objects"][1] == {
        "type": "dashboard",
        "id": "d",
        "title": "shop: Catalog",
        "became": "created",
        "why": "",
        "stands_as": None,
    }
    assert (told["space"], told["kibana"], told["dry_run"]) == ("shop", fake.url, False)


def test_a_part_that_is_not_written_is_told_and_fails(fake: FakeKibana, file: Path) -> None:
    fake.broken["index-pattern", "v"] = {"statusCode": 500, "message": "disk usage exceeded"}
    done = install(fake.url, file)
    assert done.exit_code == 1
    assert "index-pattern shop failed: disk usage exceeded" in rows(done)
    assert "1 of 2 objects were not written, the other 1 were; the list says why" in done.stderr
    assert "Open" not in done.stdout


def test_nothing_is_written_where_a_reference_is_missing(fake: FakeKibana, tmp_path: Path) -> None:
    path = tmp_path / "board.ndjson"
    path.write_bytes(ndjson([BOARD, SavedObject(DASHBOARD, "e", {"title": "other"})]))
    done = install(fake.url, path)
    assert done.exit_code == 1
    assert "2 of 2 objects were not written, nothing was" in done.stderr
    assert any(row.startswith("dashboard other not written: ") for row in rows(done))
    assert fake.spaces["shop"].objects == {}


def test_a_copy_of_another_space_is_told(fake: FakeKibana, file: Path) -> None:
    install(fake.url, file)
    done = CliRunner().invoke(main, ["kibana", "install", "--kibana-url", fake.url, str(file)])
    assert done.exit_code == 0, done.output
    assert "shop: Catalog has the ID " in done.stdout
    assert f"Open {fake.url}/app/dashboards" in done.stdout


def test_the_key_comes_from_the_environment_and_is_not_shown(fake: FakeKibana, file: Path) -> None:
    fake.writers = {"ApiKey cmlnaHQ="}
    assert install(fake.url, file, XLREC_API_KEY="cmlnaHQ=").exit_code == 0
    wrong = install(fake.url, file, XLREC_API_KEY="d3Jvbmc=")
    assert wrong.exit_code == 1
    assert "does not accept the credentials" in wrong.stderr
    assert "d3Jvbmc=" not in wrong.output
    assert "wants credentials" in install(fake.url, file).stderr
    fake.writers, fake.readers = set(), {"ApiKey cmlnaHQ="}
    reader = install(fake.url, file, XLREC_API_KEY="cmlnaHQ=")
    assert "xlrec-es role kibana --space shop" in reader.stderr
    assert "Nothing was written" in reader.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [("{}", "line 1 of"), ("", "holds no saved object"), ("no json", "line 1 of")],
)
def test_a_file_of_something_else(fake: FakeKibana, file: Path, content: str, told: str) -> None:
    file.write_text(content)
    done = install(fake.url, file)
    assert (done.exit_code, fake.asked) == (2, [])
    assert told in done.stderr


def test_neither_a_file_nor_an_index(fake: FakeKibana) -> None:
    done = install(fake.url)
    assert (done.exit_code, fake.asked) == (2, [])
    assert "give FILE, or the index with --index" in done.stderr


def test_kibana_has_a_certificate_authority_of_its_own(file: Path) -> None:
    server = TlsServer()
    server.show("server")
    ours, other = str(CERTIFICATES / "authority.pem"), certifi.where()
    with served(server):
        assert "is not trusted" in install(server.url, file, XLREC_CA_CERTS=other).stderr
        for variables in (
            {"XLREC_CA_CERTS": ours},
            {"XLREC_CA_CERTS": other, "XLREC_KIBANA_CA_CERTS": ours},
            {"XLREC_CA_FINGERPRINT": "ab" * 32, "XLREC_KIBANA_CA_CERTS": ours},
        ):
            done = install(server.url, file, **variables)
            assert "is the address of Elasticsearch" in done.stderr, done.output
