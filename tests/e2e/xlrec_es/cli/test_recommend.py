"""`xlrec-es` as people call it: what is wrong ends in one clear sentence and an exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue
from secured_node import Secured
from xlrec_es.cli.main import main


def process(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The program as people start it."""
    return subprocess.run(
        [sys.executable, "-m", "xlrec_es", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
        timeout=60,
    )


def xlrec_es(
    *arguments: str, stdin: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has imported everything already."""
    done = CliRunner().invoke(main, arguments, input=stdin, env=variables)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def catalogue(es: Elasticsearch, es_url: str, index_name: str) -> list[str]:
    """The options that name a catalogue."""
    write_catalogue(es, index_name)
    return ["--url", es_url, "--index", index_name]


def test_recommend_prints_a_table_and_json(catalogue: list[str]) -> None:
    table = process("recommend", *catalogue, "-l", "ja", "-n", "3", "chess-3", COLUMNS="200")
    assert table.returncode == 0, table.stderr
    assert "Chess" in table.stdout
    assert "dense (1)" in table.stdout
    assert "no BM25 search for ja" in table.stderr
    printed = xlrec_es("recommend", *catalogue, "-l", "ja", "-n", "3", "--json", "chess-3")
    items = json.loads(printed.stdout)["items"]
    assert [item["language"] for item in items] == ["ja"] * 3
    assert items[0]["reasons"][0]["item"] == "chess-3"


def test_pages_go_on_where_the_page_before_ended(catalogue: list[str]) -> None:
    asked = ["recommend", *catalogue, "-n", "3", "--json", "chess-3"]
    first = json.loads(xlrec_es(*asked).stdout)
    shown = [item["id"] for item in first["items"]]
    for more in (
        ["--page", "2"],
        ["--after", first["cursor"]],
        [part for id_ in shown for part in ("--shown", id_)],
    ):
        page = json.loads(xlrec_es(*asked, *more).stdout)
        assert len(page["items"]) == 3
        assert not {item["id"] for item in page["items"]} & set(shown)
    wrong = xlrec_es(*asked, "--after", "page 2")
    assert (wrong.returncode, "no cursor of this version" in wrong.stderr) == (2, True)


def test_the_searches_of_rank_and_search_are_printed_as_they_run(
    catalogue: list[str], es: Elasticsearch, index_name: str
) -> None:
    for arguments, retriever, found in (
        (["--search", "chess word4", "--no-history"], "lexical", "chess-4"),
        (["--rank", "chess-4", "--rank", "chess-5", "chess-3"], "given", "chess-4"),
    ):
        printed = xlrec_es("query", *catalogue, "--format", "json", *arguments)
        searches = json.loads(printed.stdout)
        assert {search["retriever"] for search in searches} == {retriever}
        works = {
            hit["fields"]["xlrec.work"][0]
            for search in searches
            for hit in es.search(index=index_name, body=search["body"])["hits"]["hits"]
        }
        assert found in works
    both = xlrec_es("query", *catalogue, "--rank", "a", "--search", "b", "chess-3")
    assert (both.returncode, "are two calls" in both.stderr) == (2, True)


def test_titles_and_ids_do_not_speak_to_the_terminal(
    es: Elasticsearch, es_url: str, index_name: str
) -> None:
    hostile = "chess-\x1b]52;c;aGk=\x07"
    written = document("chess", 99, "ja") | {"title": "\x1b[2J\x9b1A[red]x"}
    write_catalogue(es, index_name, {hostile: written})
    options = ("--url", es_url, "-i", index_name, "-n", "50")
    for arguments in (
        ["recommend", *options, "-l", "ja", "chess-3"],
        ["recommend", *options, "-l", "ja", "--explain", "chess-3"],
        ["recommend", *options, "-l", "ja", "--json", "chess-3"],
        ["recommend", *options, hostile, "\x1bunknown"],
        ["similar", *options, "-l", "ja", "chess-3"],
        ["similar", *options, "--json", "-l", "ja", "chess-3"],
    ):
        done = xlrec_es(*arguments, COLUMNS="300")
        printed = done.stdout + done.stderr
        assert not {"\x1b", "\x07", "\x9b"} & set(printed), arguments
        assert done.returncode == arguments[-1].endswith("unknown"), printed
        if "--json" in arguments:
            assert hostile in {item["id"] for item in json.loads(done.stdout)["items"]}
        elif not done.returncode:
            assert r"\u001b[2J\u009b1A[red]x" in printed
            assert r"chess-\u001b]52;c;aGk=\u0007" in printed


def test_a_history_comes_from_a_file_or_standard_input(
    catalogue: list[str], tmp_path: Path
) -> None:
    history = json.dumps(["chess-3", {"item": "cooking-3", "weight": 50}])
    file = tmp_path / "history.json"
    file.write_text(history)
    for source, stdin in ((str(file), None), ("-", history)):
        done = xlrec_es(
            "recommend",
            *catalogue,
            "--history",
            source,
            "-l",
            "ja",
            "-n",
            "2",
            "--json",
            stdin=stdin,
        )
        works = [item["work"] for item in json.loads(done.stdout)["items"]]
        assert all(work.startswith("cooking") for work in works), done.stderr


def test_options_come_from_toml_then_environment_then_command_line(
    catalogue: list[str], tmp_path: Path
) -> None:
    _, url, _, index = catalogue
    config = tmp_path / "xlrec.toml"
    config.write_text(f'[connection]\nurl = "{url}"\n[recommend]\nindex = "{index}"\nsize = 2\n')
    from_file = xlrec_es("--config", str(config), "recommend", "--json", "chess-3")
    assert len(json.loads(from_file.stdout)["items"]) == 2, from_file.stderr
    over = xlrec_es("recommend", "-n", "1", "--json", "chess-3", XLREC_CONFIG=str(config))
    assert len(json.loads(over.stdout)["items"]) == 1
    environment = xlrec_es("recommend", "chess-3", XLREC_CONFIG=str(config), XLREC_INDEX="nope")
    assert "nope" in environment.stderr


def test_a_history_comes_from_an_index_of_events(
    catalogue: list[str], es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    events = f"{index_name}-events"
    es.indices.create(index=events, mappings={"properties": {"user": {"type": "keyword"}}})
    es.index(index=events, document={"user": "ann", "item": "chess-3"}, refresh=True)
    config = tmp_path / "xlrec.toml"
    config.write_text(f'[history]\nindex = "{events}"\nuser = "user"\n')
    arguments = ["recommend", *catalogue, "-l", "ja", "--json", "--user"]
    done = xlrec_es("--config", str(config), *arguments, "ann")
    assert json.loads(done.stdout)["items"][0]["reasons"][0]["item"] == "chess-3", done.stderr
    unknown = xlrec_es("--config", str(config), *arguments, "eve")
    assert (unknown.returncode, "no event of user 'eve'" in unknown.stderr) == (1, True)
    nowhere = xlrec_es(*arguments, "ann")
    assert (nowhere.returncode, "--events-index" in nowhere.stderr) == (2, True)
    config.write_text('[history]\nindx = "typo"\n')
    typo = xlrec_es("--config", str(config), *arguments, "ann", "--events-index", events)
    assert (typo.returncode, "indx" in typo.stderr) == (2, True)


def test_query_prints_for_the_console_and_as_json(catalogue: list[str]) -> None:
    text = xlrec_es("query", *catalogue, "-l", "ja", "chess-0")
    assert text.stdout.startswith("# ja: dense\nPOST /")
    requests = json.loads(xlrec_es("query", *catalogue, "-f", "json", "chess-0").stdout)
    assert {"language", "retriever", "body"} == set(requests[0])
    boost = ["--boost", '1.5={"term": {"brand": "brand1"}}', "--collapse"]
    done = xlrec_es("query", *catalogue, *boost, "-f", "json", "-l", "ja", "chess-0")
    for request in json.loads(done.stdout):
        [mark] = request["body"]["query"]["bool"]["should"]
        assert mark["constant_score"]["filter"] == {"term": {"brand": "brand1"}}
        assert request["body"]["collapse"] == {"field": "xlrec.work"}


def test_similar_documents_by_a_measure(catalogue: list[str]) -> None:
    done = xlrec_es(
        "similar", *catalogue, "--similarity", "jaccard", "-l", "ja", "--json", "chess-0"
    )
    [first, *_] = json.loads(done.stdout)["items"]
    # "chess chessclub ja word0" and "chess chessclub ja word1" share three words of five.
    assert (first["work"].rpartition("-")[0], first["score"]) == ("chess", 0.6), done.stderr


def test_explanations_are_a_line_a_retriever(catalogue: list[str]) -> None:
    only = ["--filter", '{"range": {"price": {"gte": 5}}}', "--exclude-language", "de"]
    four = ["recommend", *catalogue, *only, "-n", "4", "--explain", "chess-3"]
    assert re.search(r"languages: en \d by score, ja \d by score", xlrec_es(*four).stdout)
    done = xlrec_es(*four, "--mix", "equal", COLUMNS="200")
    assert "share" in done.stdout, done.stderr
    assert "collaborative" in done.stdout
    assert "languages: en 2 of 2 slots, ja 2 of 2 slots" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["-l", "klingon", "chess-3"], 2, "'klingon' is not a language tag"),
        (["-l", "ko", "chess-3"], 2, "has no documents in 'ko'; it has: de, en, ja"),
        (["-l", "ja=many", "chess-3"], 2, "'many' is no finite number"),
        (["-l", "ja=.5", "-l", "de", "chess-3"], 2, "every --language a part"),
        (["-l", "ja=-1", "chess-3"], 2, "above zero"),
        (["-l", "ja=nan", "chess-3"], 2, "'nan' is no finite number"),
        (["who?"], 1, "no work or document with the id 'who?'"),
        (["chess-3", "who?"], 1, "the id 'who?'; correct it, or give --skip-unknown"),
        ([], 2, "the history is empty"),
        ([""], 2, "this one is ''"),
        (["-n", "0", "chess-3"], 2, "is not in the range x>=1"),
        (["-w", "dens=1", "chess-3"], 2, "dens"),
        (["--recent", "published=soon", "--no-history"], 2, "'soon' is none"),
        (["--server-side", "chess-3"], 2, "the cluster's license is basic"),
        (["--server-side", "--mix", "auto", "chess-3"], 2, "leave out mix 'auto'"),
        (["-w", "dense", "chess-3"], 2, "needs a number: dense=0.5"),
        (["--history", "nowhere.json"], 2, "nowhere.json"),
        (["--index", "nope", "chess-3"], 1, "no such index [nope]"),
        (["--index", "a,b", "chess-3"], 1, "no such index"),
        (["--url", "http://127.0.0.1:9", "chess-3"], 1, "no Elasticsearch at http://127.0.0.1:9"),
        (["--url", "localhost", "chess-3"], 2, "cannot connect to 'localhost'"),
        (["--api-key", "k", "--username", "u", "--password", "p", "chess-3"], 2, "not both"),
        (["--username", "u", "chess-3"], 2, "both a user name and a password"),
    ],
)
def test_bad_input_ends_in_one_sentence(
    catalogue: list[str], arguments: list[str], code: int, sentence: str
) -> None:
    done = xlrec_es("recommend", *catalogue, *arguments)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "history",
    [
        "",
        "{",
        '"id"x',
        "5",
        '[{"id": "a"}]',
        "[5]",
        '[{"item": "a", "weight": "x"}]',
        '[{"item": "a", "weight": 0}]',
        '[{"item": 5}]',
        "[]",
        '[""]',
    ],
)
def test_a_history_of_the_wrong_form_is_refused(catalogue: list[str], history: str) -> None:
    done = xlrec_es("recommend", *catalogue, "--history", "-", stdin=history)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") <= 4
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["no = toml = here", 'url = "outside of a table"'])
def test_a_wrong_toml_file_is_named(tmp_path: Path, text: str) -> None:
    config = tmp_path / "xlrec.toml"
    config.write_text(text)
    done = process("--config", str(config), "recommend", "-i", "a", "b")
    assert done.returncode == 2
    assert "xlrec.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_ids_can_be_skipped(catalogue: list[str]) -> None:
    done = xlrec_es("recommend", *catalogue, "--skip-unknown", "--json", "chess-3", "who?")
    assert done.returncode == 0
    assert json.loads(done.stdout)["unknown_items"] == ["who?"]


def test_a_wrong_password_is_named(secured_each: Secured) -> None:
    known = secured_each.connection.as_environment()
    wrong = known | {"XLREC_PASSWORD": "wrong-and-secret"}
    done = xlrec_es("recommend", "-i", "a", "b", **wrong)
    assert done.returncode == 1
    assert "does not accept these credentials" in done.stderr
    assert "wrong-and-secret" not in done.stderr
