"""`xlrec-es index reindex` as people call it, and kill it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import LANGUAGES, TOPICS, document, write_catalogue, write_likes
from ingest.cli.main import main as ingest_main
from ingest.cli.reencode import split_columns
from nodes import small_node
from traffic import Traffic
from xlrec_es.cli.main import main
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.index.live_index import find_live
from xlrec_es.versions.inventory import read_versions

MANY = {
    f"{topic}-{number}": document(topic, number, LANGUAGES[number % 3])
    for topic in TOPICS
    for number in range(100, 300)
}
_LATEST_KILL_S = 8.0  # on a machine that is busy otherwise, the kills are to have an end
GATE = ("--min-recall", "0.5", "--min-overlap", "0.3")


def test_reindex_shows_what_it_would_do_and_does_it(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    changes = tmp_path / "changes.json"
    changes.write_text('{"settings": {"index": {"refresh_interval": "5s"}}}')
    arguments = [
        "index",
        "reindex",
        index_name,
        "--url",
        es_url,
        "--shards",
        "2",
        "--changes",
        str(changes),
    ]
    runner = CliRunner()
    dry = runner.invoke(main, [*arguments, "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert f"PUT {index_name}-xlrec-v2" in dry.output
    assert '"number_of_shards": 2' in dry.output
    told = json.loads(runner.invoke(main, [*arguments, "--dry-run", "--json"]).stdout)
    assert (told["schema_version"], told["index"]) == (1, f"{index_name}-xlrec-v2")
    [creation, swap] = told["requests"]
    assert (creation["method"], creation["path"]) == ("PUT", f"{index_name}-xlrec-v2")
    assert creation["body"]["settings"]["index"]["number_of_shards"] == 2
    assert (swap["path"], bool(swap["body"]["actions"])) == ("_aliases", True)
    assert len(read_versions(es, index_name).found) == 1

    strict = runner.invoke(main, [*arguments, *GATE[:2], "--min-overlap", "1"])
    if strict.exit_code:  # a few recommendations tie, and need not
        assert "does not take the place of" in strict.stderr
        assert "FAILED" in strict.stderr
        done = runner.invoke(main, [*arguments, *GATE])
        assert done.exit_code == 0, done.output
        assert f"{index_name} is {index_name}-xlrec-v2 now" in done.output
    settings = es.indices.get_settings(index=index_name, flat_settings=True).body
    assert settings[f"{index_name}-xlrec-v2"]["settings"]["index.refresh_interval"] == "5s"


def test_the_gate_reads_columns_of_any_name(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    likes = write_likes(tmp_path / "likes.tsv", 40)
    likes.write_text(likes.read_text().replace("user\titem", "customer\tfilm"))
    arguments = [
        "index",
        "reindex",
        index_name,
        "--url",
        es_url,
        *GATE,
        "--interactions",
        str(likes),
    ]
    unnamed = CliRunner().invoke(main, arguments)
    assert "has no field 'user'" in unnamed.stderr
    columns = ["--field", "user=customer", "--field", "item=film"]
    done = CliRunner().invoke(main, [*arguments, *columns, "--no-swap", "--json"])
    assert done.exit_code == 0, done.output
    checks = json.loads(done.stdout)["checks"]
    assert [check["ok"] for check in checks if check["name"] == "evaluation"] == [True, True]


def test_an_encoder_and_a_file_have_fields_of_their_own() -> None:
    columns, others = split_columns(("user=customer", "title=name", "item=film"))
    assert columns == {"user": "customer", "item": "film"}
    assert others == ["title=name"]


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is not JSON"), ("[]", "must be an object of"), ('{"x": 1}', "must be an object of")],
)
def test_mistakes_in_the_changes(tmp_path: Path, content: str, message: str) -> None:
    changes = tmp_path / "changes.json"
    changes.write_text(content)
    done = CliRunner().invoke(main, ["index", "reindex", "shop", "--changes", str(changes)])
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.slow
def test_killed_at_random_moments_it_goes_on(
    es: Elasticsearch, es_url: str, index_name: str
) -> None:
    write_catalogue(es, index_name, MANY)
    command = [
        sys.executable,
        "-m",
        "xlrec_es",
        "index",
        "reindex",
        index_name,
        "--url",
        es_url,
        "--json",
    ]
    rng = random.Random(7)
    start = time.monotonic()
    subprocess.run([*command, *GATE, "--no-swap"], check=True, capture_output=True)
    whole_s = time.monotonic() - start
    es.indices.delete(index=f"{index_name}-xlrec-v2")
    traffic = Traffic(es, index_name)
    killed = 0
    with traffic.running():
        for _ in range(3):  # more, with nobody who writes: test_kills
            process = subprocess.Popen([*command, *GATE], stdout=subprocess.DEVNULL)
            try:
                process.wait(min(_LATEST_KILL_S, rng.uniform(0.3, 0.9) * whole_s))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
        live = find_live(es, index_name)
        done = subprocess.run([*command, *GATE], check=True, capture_output=True)
        report = json.loads(done.stdout)
        assert report["swapped"]
        assert find_live(es, index_name).name == report["index"] != live.name
        back = ["index", "rollback", index_name, "--url", es_url]
        subprocess.run([*command[:3], *back], check=True, capture_output=True)
        assert find_live(es, index_name).name == live.name
    assert killed > 0
    assert traffic.failures == []
    assert traffic.writes > 50
    traffic.check()


def test_another_model(
    es: Elasticsearch, es_url: str, index_name: str, tiny_model: Path, tmp_path: Path
) -> None:
    items = tmp_path / "items.jsonl"
    words = ["chess", "tea", "puzzle", "house"]
    lines = [{"id": n, "title": f"{words[n % 4]} {n}", "language": "en"} for n in range(20)]
    items.write_text("\n".join(map(json.dumps, lines)))
    options = ["--url", es_url, "--model", str(tiny_model)]
    runner = CliRunner()
    ran = runner.invoke(ingest_main, ["run", str(items), "--index", index_name, *options])
    assert ran.exit_code == 0, ran.output
    unnamed = runner.invoke(ingest_main, ["reencode", index_name, "--url", es_url])
    assert (unnamed.exit_code, "name the encoder with --model" in unnamed.stderr) == (2, True)
    chunked = ["reencode", index_name, *options, "--long-texts", "chunk", *GATE[:2]]
    dry = runner.invoke(ingest_main, [*chunked, "--dry-run"])
    assert "mean of windows of 64 tokens" in dry.output
    told = json.loads(runner.invoke(ingest_main, [*chunked, "--dry-run", "--json"]).stdout)
    whole = told["requests"][0]["body"]["mappings"]["_meta"]["xlrec"]["centering"]["means"]["en"]
    assert whole not in dry.output
    assert f"{whole[:12]}..." in dry.output
    done = runner.invoke(ingest_main, [*chunked, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["copied"], report["swapped"]) == (20, True)
    assert {check["name"] for check in report["checks"]} == {
        "counts", "vectors", "recall", "fields", "search", "analyzers", "encoder", "overlap"
    }  # fmt: skip
    assert "windows of 64" in find_live(es, index_name).meta.fingerprint.recipe


@pytest.fixture
def node_folder() -> Iterator[Path]:
    """Where a node may keep its data: pytest's own folders may be entered by nobody else."""
    folder = Path(tempfile.mkdtemp(prefix="xlrec-test-")).resolve()
    folder.chmod(0o755)
    yield folder / "node"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_with_the_node_killed_in_the_middle(node_folder: Path) -> None:
    command = [sys.executable, "-m", "xlrec_es", "index", "reindex", "shop", *GATE, "--url"]
    with small_node(folder=node_folder) as node, connect(Connection(node.url)) as es:
        write_catalogue(es, "shop", MANY)
        process = subprocess.Popen([*command, node.url], stderr=subprocess.DEVNULL)
        while "shop-xlrec-v2" not in es.indices.get(index="shop*"):
            time.sleep(0.05)
        os.kill(node.pid, signal.SIGKILL)
        time.sleep(1)
        process.kill()
        process.wait()
    with small_node(folder=node_folder) as node, connect(Connection(node.url)) as es:
        es.cluster.health(wait_for_status="yellow", timeout="60s")
        again = subprocess.run([*command, node.url], check=False, capture_output=True, text=True)
        assert again.returncode == 0, again.stderr
        assert find_live(es, "shop").name == "shop-xlrec-v2"
        counts = [es.count(index=f"shop-xlrec-v{number}")["count"] for number in (1, 2)]
        assert counts[0] == counts[1] > len(MANY)
