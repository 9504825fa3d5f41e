"""`xlrec-ingest run` as people call it."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from ingest.cli.main import main
from ingest.encode.sentence_transformer import load_encoder
from xlrec_es import History, Recommender

RECORDS: list[dict[str, Any]] = [
    {"id": "a", "language": "en", "title": "A puzzle with tiles"},
    {"id": "b", "language": "de", "title": "Ein Puzzle mit Kacheln"},
    {"id": "c", "text": "Un jeu de réflexion où l'on fait glisser des tuiles numérotées"},
    {"id": "d", "translations": {"en": {"title": "Chess"}, "ja": {"title": "将棋"}}},
]
NOTHING_THERE = "http://127.0.0.1:9"


def jsonl(*records: Any) -> str:  # noqa: ANN401
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


class Program:
    """Runs `xlrec-ingest run` in a folder of its own."""

    def __init__(self, folder: Path, *, index: str, url: str, model: Path) -> None:
        self.folder = folder
        self.index = index
        self.options = ("--index", index, "--url", url, "--model", str(model))
        self.environment = {**os.environ, "COLUMNS": "200"}

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "ingest", "run", *map(str, arguments)]

    def __call__(
        self, *arguments: str | Path, stdin: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment | variables,
            timeout=120,
        )

    def here(self, *arguments: str, **variables: str) -> Result:
        """In this process, which has torch already."""
        with contextlib.chdir(self.folder):
            return CliRunner().invoke(
                main, ["run", *arguments], env={"COLUMNS": "200", **variables}
            )

    def write(self, name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)
        return name


@pytest.fixture
def run(
    tmp_path: Path, es: Elasticsearch, es_url: str, index_name: str, tiny_model: Path
) -> Program:
    assert es
    return Program(tmp_path, index=index_name, url=es_url, model=tiny_model)


def count(es: Elasticsearch, index: str) -> int:
    return int(es.count(index=index)["count"])


def test_a_file_becomes_an_index(run: Program, es: Elasticsearch) -> None:
    source = run.write("items.jsonl.gz", gzip.compress(jsonl(*RECORDS).encode()))
    done = run(source, *run.options)
    assert done.returncode == 0, done.stderr
    assert f"{run.index} ({run.index}-xlrec-v1)" in done.stdout
    assert "tiny on cpu" in done.stdout
    assert "en 2, de 1, fr 1, ja 1" in done.stdout
    assert count(es, run.index) == 5
    assert {path.name for path in run.folder.iterdir()} == {source}  # no reject file

    again = run.here(source, *run.options, "--json")
    summary = json.loads(again.stdout)
    assert again.exit_code == 0
    assert (summary["documents"], summary["unchanged"], summary["indexed"]) == (5, 5, 0)
    assert summary["detected"] == {"fr": 1}
    assert summary["rejects"] is None
    assert summary["encoder"]["model"] == "tiny"
    assert summary["seconds"]["total"] >= summary["seconds"]["load"] > 0


def test_free_text_is_encoded_in_the_process_that_recommends(
    run: Program, es: Elasticsearch, tiny_model: Path
) -> None:
    done = run.here(run.write("items.jsonl", jsonl(*RECORDS)), *run.options)
    assert done.exit_code == 0, done.output
    recommender = Recommender(es, run.index, encoder=load_encoder(str(tiny_model)))
    wish = History(texts=("Ein Puzzle mit Kacheln",))
    result = recommender.recommend(wish, languages=["de", "ja"])
    assert [item.id for item in result.items] == ["b", "d@ja"]
    assert result.items[0].retrievers["dense"].score == pytest.approx(1, abs=0.05)  # its very title
    assert result.items[0].reasons[0].item == wish.texts[0]


def test_records_set_aside_make_exit_code_3(run: Program, es: Elasticsearch) -> None:
    lines = jsonl(RECORDS[0]) + "not json\n" + jsonl({"id": "x"}, RECORDS[1])
    done = run("-", *run.options, "--json", stdin=lines)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["rejected"] == 2
    rejects = f"xlrec.{run.index}.rejects.jsonl"
    assert json.loads(done.stdout)["rejects"] == rejects
    entries = [json.loads(e) for e in (run.folder / rejects).read_text().splitlines()]
    assert [entry["line"] for entry in entries] == [2, 3]
    assert count(es, run.index) == 2


def test_the_log_is_json_from_beginning_to_end(run: Program, es: Elasticsearch) -> None:
    source = run.write("items", jsonl(*RECORDS) + "not json\n")
    done = run.here(source, *run.options, "--log-json")
    assert (done.exit_code, done.stdout) == (3, "")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert all(line["time"] and line["level"] and line["logger"] for line in lines)
    assert [line["phase"] for line in lines if line["message"] == "phase"] == [
        "load", "sample", "center", "index"
    ]  # fmt: skip
    assert (lines[-1]["message"], lines[-1]["level"]) == ("finished", "info")
    assert (lines[-1]["indexed"], lines[-1]["rejected"]) == (5, 1)
    assert lines[-1]["tokens"] > 10
    assert lines[-1]["bottleneck"]["stage"]

    failed = run.here(
        run.write("empty", ""), *run.options, "--log-json", "--index", f"{run.index}-2"
    )
    assert failed.exit_code == 2
    *_, last = [json.loads(line) for line in failed.stderr.splitlines()]
    assert (last["level"], last["error"]) == ("error", "SourceError")
    assert last["message"].endswith("has no record that can be indexed")


def test_duplicates_are_counted_and_shown(run: Program, es: Elasticsearch) -> None:
    records = [RECORDS[0], {**RECORDS[0], "id": "a2"}, RECORDS[1]]
    source = run.write("items.jsonl", jsonl(*records))
    options = ("--duplicates", "link")
    done = run.here(source, *run.options, *options)
    assert done.exit_code == 0, done.stderr
    assert "1 equal, 0 alike" in done.stdout
    assert "a2 of a (1.00)" in done.stdout
    assert es.get(index=run.index, id="a2")["_source"]["xlrec"]["work"] == "a"
    summary = json.loads(run.here(source, *run.options, *options, "--json").stdout)
    assert (summary["unchanged"], summary["duplicates"]["exact"]) == (3, 1)


def test_a_toml_file_holds_what_stays_the_same(run: Program, es: Elasticsearch) -> None:
    index, url, model = run.options[1::2]
    run.write(
        "xlrec.toml",
        f'[connection]\nurl = "{url}"\n[run]\nindex = "{index}"\nmodel = "{model}"\n'
        'json = true\n[fields]\ntitle = "meta.name"\ntext = ["meta.blurb", "body"]\nid = "no"\n',
    )
    record = {"sku": 7, "meta": {"name": "Name", "blurb": "Blurb"}, "body": "Body"}
    source = run.write("items.jsonl", jsonl(record, {"sku": 8, "body": "Another"}))
    done = run.here(source, "--field", "id=sku", XLREC_CONFIG="xlrec.toml")
    assert done.exit_code == 0, done.stderr
    found = es.get(index=index, id="7")["_source"]
    assert found["xlrec"]["text"] == {"und": "Name\nBlurb\nBody"}
    assert {k: v for k, v in found.items() if k != "xlrec"} == record


def failed_with(done: Result | subprocess.CompletedProcess[str], code: int) -> str:
    """The one sentence on standard error."""
    returned = done.exit_code if isinstance(done, Result) else done.returncode
    assert returned == code, (done.stdout, done.stderr)
    if isinstance(done, Result):
        assert isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.stderr
    assert not done.stdout
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("Error: "), done.stderr
    if code == 1:
        assert len(lines) == 1, done.stderr
    return lines[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.jsonl"], 2, "cannot read none.jsonl: No such file or directory"),
        (["."], 2, "cannot read .: Is a directory"),
        (["cut.gz"], 1, "no Elasticsearch at"),  # the beginning is fine
        ([], 2, "Missing argument 'INPUT'"),
        (["items", "more"], 2, "Got unexpected extra argument (more)"),
        (["items", "--index", ""], 2, "the name of an index is empty"),
        (["items", "--field", "title"], 2, "--field title: write NAME=FIELD, such as title=name"),
        (["items", "--field", "tilte=name"], 2, "there is no field 'tilte' to map; use id, "),
        (["items", "--field", "id=a,b"], 2, "field id: give one name"),
        (["items", "--near-duplicates", "0.8"], 2, "for --duplicates drop or link; add it"),
        (["items", "--query", "{}"], 2, "--query chooses from an index; give index:NAME"),
        (["items", "--centering", "mean"], 2, "'mean' is not one of 'none', 'center'"),
        (["items", "--device", "tpu"], 2, "'tpu' is not one of"),
        (["items", "--dtype", "int8"], 2, "'int8' is not one of"),
        (["items", "--max-tokens", "1"], 2, "1 is not in the range x>=8"),
        (["items", "--batch-tokens", "0"], 2, "0 is not in the range x>=1"),
        (
            ["items", "--rejects", "no/such/folder"],
            2,
            "cannot write the reject file no/such/folder",
        ),
        (["items", "--rejects", "items"], 2, "the reject file items is the input itself"),
        (["items", "--url", "nonsense"], 2, "cannot connect to 'nonsense'"),
        (["items", "--username", "a"], 2, "needs both a user name and a password"),
        (["items"], 1, "check --url (XLREC_URL), or start one with: xlrec-es node start"),
    ],
)
def test_mistakes_end_in_a_sentence(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    run = Program(tmp_path, index="i", url=NOTHING_THERE, model=Path("none"))
    run.write("items", jsonl(*RECORDS))
    run.write("cut.gz", gzip.compress(jsonl(*RECORDS).encode())[:-10])
    index = () if "--index" in arguments else run.options[:2]
    done = run.here(*arguments, *index, XLREC_URL=NOTHING_THERE)
    assert message in failed_with(done, code)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[fields", "cannot read xlrec.toml"),
        ("title = 'x'", "title stands outside of a table"),
        ("[fields]\ntilte = 'x'", "there is no field 'tilte' to map"),
        ("[fields]\ntitle = 3", "field title: 3 is not the name of a field"),
        ("fields = 3", "fields stands outside of a table"),
    ],
)
def test_mistakes_in_the_toml_file(tmp_path: Path, toml: str, message: str) -> None:
    run = Program(tmp_path, index="i", url=NOTHING_THERE, model=Path("none"))
    run.write("xlrec.toml", toml)
    run.write("items", jsonl(*RECORDS))
    with contextlib.chdir(tmp_path):
        done = CliRunner().invoke(main, ["--config", "xlrec.toml", "run", "items", "--index", "i"])
    assert message in failed_with(done, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no record that can be indexed"),
        ("not json\n", "has no record that can be indexed; items.{index}.rejects.jsonl says why"),
        (gzip.compress(jsonl(*RECORDS).encode())[:-10], "its gzip stream is damaged"),
    ],
)
def test_useless_input(run: Program, content: str | bytes, message: str) -> None:
    said = failed_with(run.here(run.write("items", content), *run.options), 2)
    assert message.format(index=run.index) in said


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("empty", "empty is not a model: it has no modules.json and no config.json"),
        ("plain", "plain is a plain transformer"),
    ],
)
def test_models_that_cannot_be_used(run: Program, model: str, message: str) -> None:
    (run.folder / "empty").mkdir()
    (run.folder / "plain").mkdir()
    run.write("plain/config.json", "{}")
    run.write("plain/pytorch_model.bin", "")
    run.write("items", jsonl(*RECORDS))
    assert message in failed_with(run.here("items", *run.options, "--model", model), 1)


def test_a_model_that_is_nowhere(run: Program) -> None:
    run.write("items", jsonl(*RECORDS))
    done = run.here("items", *run.options, "--model", "no/such-model")
    message = failed_with(done, 1)
    assert "'no/such-model' is no folder here, and cannot be had from the Hugging Face" in message


def test_indices_that_cannot_be_written_to(run: Program, es: Elasticsearch) -> None:
    run.write("items", jsonl(*RECORDS))
    done = run.here("items", *run.options[2:], "--index", "Has Spaces")
    assert "Has Spaces" in failed_with(done, 1)
    es.indices.create(index=f"{run.index}-other")
    done = run.here("items", *run.options[2:], "--index", f"{run.index}-other")
    assert "has no _meta.xlrec, so it was not made by xlrec-es" in failed_with(done, 1)


def test_an_index_of_another_encoder_is_refused(run: Program, es: Elasticsearch) -> None:
    run.write("items", jsonl(*RECORDS))
    assert run.here("items", *run.options).exit_code == 0
    message = failed_with(run.here("items", *run.options, "--prefix", "passage: "), 1)
    assert (
        "holds vectors of another kind: prefix is 'passage: ' here and 'query: ' there" in message
    )
    message = failed_with(run.here("items", *run.options, "--centering", "none"), 1)
    assert "was made with --centering center, not none" in message
    assert count(es, run.index) == 5


@pytest.mark.parametrize("package", ["torch", "sentence_transformers", "py3langid"])
def test_a_missing_package_is_named(run: Program, package: str) -> None:
    (run.folder / "path").mkdir()
    run.write(f"path/{package}.py", "raise ImportError")
    run.write("items", jsonl(*RECORDS))
    done = run("items", *run.options, PYTHONPATH=str(run.folder / "path"))
    assert "needs more packages: pip install 'xlrec-es[ingest]'" in failed_with(done, 1)


def test_help_is_quick_and_needs_no_torch() -> None:
    code = "import sys, ingest.cli.main; print({'torch', 'transformers'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.fixture
def waiting(run: Program, es: Elasticsearch) -> Iterator[subprocess.Popen[bytes]]:
    """A run that has written some of its standard input, and waits for more."""
    command = run.command("-", *run.options, "--centering", "none")
    with subprocess.Popen(
        command,
        cwd=run.folder,
        env=run.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        many = [{**RECORDS[0], "id": n} for n in range(3000)]
        process.stdin.write(jsonl(*many).encode())
        process.stdin.flush()
        deadline = time.monotonic() + 100
        while not es.indices.exists(index=run.index) or not count(es, run.index):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.2)
        yield process
        process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_run_with_a_sentence(
    waiting: subprocess.Popen[bytes], number: signal.Signals, code: int
) -> None:
    waiting.send_signal(number)
    output, errors = waiting.communicate(timeout=30)
    assert waiting.returncode == code
    *_, first, last = errors.decode().splitlines()
    assert first == "Stopping: what is encoded is still written ..."
    assert last.startswith(f"Stopped by {number.name}; all that was encoded is written. ")
    assert b"documents" in output  # the summary of what it got to
