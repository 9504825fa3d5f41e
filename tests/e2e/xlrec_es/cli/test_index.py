"""`xlrec-es index` as people call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import documents, write_catalogue
from xlrec_es.cli.main import main
from xlrec_es.versions.inventory import read_versions

Command = Callable[..., Result]


@pytest.fixture
def index(es_url: str) -> Command:
    """Run `xlrec-es index ...` against the node."""

    def run(*arguments: str, answer: str | None = None) -> Result:
        result = CliRunner().invoke(
            main, ["index", *arguments, "--url", es_url], input=answer, env={"COLUMNS": "200"}
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        return result

    return run


def fill(client: Elasticsearch, index: str) -> None:
    client.index(index=index, id="1", document={"title": "x"}, refresh=True)


def listed(index: Command, name: str) -> list[str]:
    return [row["state"] for row in json.loads(index("list", name, "--json").stdout)["versions"]]


def test_the_life_of_an_index(index: Command, es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    for number in (2, 3):
        created = index("create", index_name)
        assert created.stdout == f"{index_name}-xlrec-v{number}\n", created.stderr
        assert f"v{number} has no documents" in index("swap", index_name).stderr
        fill(es, created.stdout.strip())
        swapped = index("swap", index_name)
        assert swapped.stdout == (
            f"{index_name} is {index_name}-xlrec-v{number} now; "
            f"it was {index_name}-xlrec-v{number - 1}\n"
        )
    assert listed(index, index_name) == ["older", "previous", "live"]
    assert index("rollback", index_name).exit_code == 0
    assert listed(index, index_name) == ["older", "live", "previous"]
    assert index("swap", index_name, "--to", "v3").exit_code == 0
    assert index("prune", index_name, "--yes").stdout == f"deleted {index_name}-xlrec-v1\n"
    assert index("prune", index_name).stdout == "there is nothing to delete\n"
    assert listed(index, index_name) == ["previous", "live"]
    table = index("list", index_name).stdout
    assert "previous" in table
    assert f"{index_name}-xlrec-v3" in table


def test_a_rollback_says_what_it_takes_along(
    index: Command, es: Elasticsearch, index_name: str
) -> None:
    live = write_catalogue(es, index_name)
    new = index("create", index_name).stdout.strip()
    fill(es, new)
    index("swap", index_name)
    es.index(index=index_name, id="2", document={"title": "since"}, refresh=True)
    dry = index("rollback", index_name, "--dry-run").stdout
    assert f"takes 1 documents that were written to {new} since along to {live.name}" in dry
    line, _, body = dry.partition("\n")[2].partition("\n")
    assert line == "POST _aliases"
    assert json.loads(body)["actions"]
    told = json.loads(index("rollback", index_name, "--dry-run", "--json").stdout)
    assert (told["index"], told["copies"], told["schema_version"]) == (live.name, 1, 1)
    assert told["requests"] == [{"method": "POST", "path": "_aliases", "body": json.loads(body)}]
    hasty = ("--without-catching-up", "--dry-run", "--json")
    assert json.loads(index("rollback", index_name, *hasty).stdout)["requests"] == told["requests"]
    done = index("rollback", index_name)
    assert done.stdout.startswith(f"{index_name} is {live.name} now; it was {new}. 1 documents")
    assert "what was deleted from it since is not known" in done.stderr
    assert es.exists(index=index_name, id="2")
    # Back as it was left, and by a swap, which says what it is.
    es.index(index=index_name, id="3", document={"title": "here alone"}, refresh=True)
    left = index("rollback", index_name, "--without-catching-up")
    assert left.stdout == f"{index_name} is {new} now; it was {live.name}\n"
    assert not es.exists(index=index_name, id="3")
    assert "To take it along" in index("swap", index_name, "--to", "1").stderr
    report = json.loads(index("rollback", index_name, "--json").stdout)
    assert (report["index"], report["copied"]) == (new, 0)


def test_nothing_is_deleted_before_the_question_is_answered(
    index: Command, es: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es, index_name)
    for number in (2, 3):
        index("create", index_name)
        fill(es, f"{index_name}-xlrec-v{number}")
        index("swap", index_name)
    for answer in ("n\n", ""):
        refused = index("prune", index_name, answer=answer)
        assert refused.exit_code == 1
        assert f"Delete {index_name}-xlrec-v1?" in refused.output
        assert len(listed(index, index_name)) == 3
    assert index("prune", index_name, answer="y\n").exit_code == 0
    assert len(listed(index, index_name)) == 2


def test_a_dry_run_changes_nothing(index: Command, es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    es.indices.create(index=f"{index_name}-own")
    for _ in range(3):
        fill(es, index("create", index_name).stdout.strip())
    index("swap", index_name, "--to", "2")
    index("swap", index_name, "--to", "3")
    before = es.indices.get(index=f"{index_name}*").body
    runs = [
        ("create", index_name, "--shards", "3"),
        ("swap", index_name),
        ("rollback", index_name),
        ("prune", index_name),
        ("adopt", f"{index_name}-own"),
    ]
    for arguments in runs:
        done = index(*arguments, "--dry-run")
        assert done.exit_code == 0, done.stderr
        assert index_name in done.stdout
    assert es.indices.get(index=f"{index_name}*").body == before
    # What is printed is what would be sent: Elasticsearch takes it.
    line, _, body = index("swap", index_name, "--dry-run").stdout.partition("\n")
    assert line == "POST _aliases"
    es.indices.update_aliases(actions=json.loads(body)["actions"])
    live = read_versions(es, index_name).live
    assert live is not None
    assert live.index == f"{index_name}-xlrec-v4"


def test_status_for_people_and_as_json(index: Command, es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    text = index("status", index_name).stdout
    assert f"{index_name}-xlrec-v1: live, {len(documents())} documents" in text
    assert "(100%)" in text
    [status] = json.loads(index("status", index_name, "--json").stdout)["versions"]
    assert status["languages"]["ja"]["vectors"] == status["languages"]["ja"]["documents"] > 0


def test_an_index_is_adopted_after_a_question(
    index: Command, es: Elasticsearch, index_name: str
) -> None:
    es.indices.create(index=index_name)
    fill(es, index_name)
    assert "xlrec-es index adopt" in index("swap", index_name, "--to", index_name).stderr
    assert index("adopt", index_name, answer="n\n").exit_code == 1
    assert es.indices.exists(index=f"{index_name}-xlrec-v0").body is False
    assert index("adopt", index_name, answer="y\n").exit_code == 0
    assert list(es.indices.get_alias(name=index_name)) == [f"{index_name}-xlrec-v0"]
    assert "nothing to do" in index("adopt", index_name).stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["swap"], "no index {}-xlrec-v1 or later; make it with: xlrec-ingest run INPUT"),
        (["swap", "--to", "7"], "no version {}-xlrec-v7 of {}; there are: none"),
        (["rollback"], "has no previous version"),
        (["prune"], "so none can be told to be superfluous"),
        (["create"], "no version of {} is live"),
        (["adopt"], "no index or alias {} to adopt"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    index: Command, es: Elasticsearch, index_name: str, arguments: list[str], sentence: str
) -> None:
    done = index(arguments[0], index_name, *arguments[1:])
    assert done.exit_code == 1
    assert sentence.replace("{}", index_name) in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_toml_file_reaches_the_commands_of_a_group(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    config = tmp_path / "xlrec.toml"
    config.write_text(f'[connection]\nurl = "{es_url}"\n[index.list]\nas_json = true\n')
    done = CliRunner().invoke(main, ["--config", str(config), "index", "list", index_name])
    assert json.loads(done.stdout)["versions"][0]["state"] == "live"
