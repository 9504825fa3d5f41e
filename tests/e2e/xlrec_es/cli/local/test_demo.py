"""The demo as people run it: a process and a node of its own, judged by what it prints."""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from elasticsearch import Elasticsearch
from rich.cells import cell_len

import pictures
from measured import measured, measured_raw_mean
from xlrec_es import Connection, Options, connect
from xlrec_es.demo import documents_in
from xlrec_es.evaluate.protocol import MIXED, make_cases
from xlrec_es.index.live_index import find_live
from xlrec_es.node import stop

SAMPLE = resources.files("xlrec_es") / "sample"
# Encoding the sample takes a minute on two idle cores, and many on busy ones.
pytestmark = pytest.mark.timeout(1200)

XLREC_ES = [sys.executable, "-m", "xlrec_es"]


def run(*arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*XLREC_ES, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, "COLUMNS": "80"},
    )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Of the demo's own node; the server's account can enter it, which pytest's is not for root."""
    place = Path(tempfile.mkdtemp(prefix="xlrec-test-")).resolve()
    place.chmod(0o755)
    yield place / "node"
    stop(place / "node")
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def demo(folder: Path) -> dict[str, Any]:
    """What the first run makes, on a node of its own."""
    done = run("demo", "--folder", str(folder), "--json", timeout=1000)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


@dataclass(frozen=True)
class Second:
    """The second run, which has ended, and the commands that it printed.

    Attributes:
        output: What it printed.
        seconds: Processor time of the run with its node.
        commands: Those that were printed.
        results: What came of them, one after another; the first has started the node again.
    """

    output: str
    seconds: float
    commands: list[str]
    results: list[subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def second(demo: dict[str, Any], folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Second:
    before = processor_seconds()
    done = run("demo", "--folder", str(folder))
    seconds = processor_seconds() - before
    assert done.returncode == 0, done.stderr
    commands = printed_commands(done.stdout)
    results = as_printed(commands, tmp_path_factory.mktemp("bin"))
    return Second(done.stdout, seconds, commands, results)


def processor_seconds() -> float:
    """Of all processes that this one has started and seen end; other work does not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def printed_commands(output: str) -> list[str]:
    """The last paragraph's commands, each with the lines that it goes on in."""
    last = output.rpartition("Try next:\n")[2]
    return [text.strip() for text in re.split(r"(?m)^  (?=\S)", last) if text.strip()]


def as_printed(commands: list[str], bin_folder: Path) -> list[subprocess.CompletedProcess[str]]:
    """Give commands to a shell, where `xlrec-es` is the one under test.

    An `export` is for those after it, so each is run behind those before it.
    """
    program = bin_folder / "xlrec-es"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(XLREC_ES)} "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    exports, results = "", []
    for command in commands:
        if command.startswith("export "):
            exports = f"{command}\n"
        script = f"{exports}{command}" if command not in exports else f'{exports}echo "$XLREC_URL"'
        results.append(
            subprocess.run(
                ["sh", "-c", script], capture_output=True, text=True, check=False, env=environment
            )
        )
    return results


@pytest.fixture(scope="module")
def running_again(second: Second) -> Iterator[Elasticsearch]:
    """The demo's node, as the first printed command has started it."""
    with connect(Connection(second.results[0].stdout.strip())) as client:
        yield client


@pytest.fixture(scope="module")
def languages_of() -> dict[str, list[str]]:
    records = [
        json.loads(line)
        for line in gzip.decompress((SAMPLE / "items.jsonl.gz").read_bytes()).splitlines()
    ]
    return {
        record["id"]: [record["language"]] if "language" in record else [*record["translations"]]
        for record in records
    }


@pytest.mark.slow
def test_results_are_in_the_target_languages_and_from_the_history(
    demo: dict[str, Any], languages_of: dict[str, list[str]]
) -> None:
    assert len(demo["scenes"]) == 3
    sources = [
        set.intersection(*(set(languages_of[work]) for work in scene["history"]))
        for scene in demo["scenes"]
    ]
    assert len(set.union(*sources)) >= 3, "three histories in different languages"
    for scene, source in zip(demo["scenes"], sources, strict=True):
        assert not source & set(scene["languages"])
        for result in (scene["text_alone"], scene["learned"]):
            items = result["items"]
            # By score, a language may get no slot; of all slots in one language, though, one
            # could not tell that languages compete fairly.
            assert 1 < len({item["language"] for item in items}) <= len(scene["languages"])
            assert {item["language"] for item in items} <= set(scene["languages"])
            assert not {item["work"] for item in items} & set(scene["history"])
            assert result["unknown_items"] == []
            for item in items:
                assert item["language"] in languages_of[item["work"]]
                assert item["title"]
                assert item["reasons"]
                assert {reason["item"] for reason in item["reasons"]} <= set(scene["history"])
                assert item["retrievers"]


@pytest.mark.slow
def test_what_was_learned_shows_beside_the_texts(demo: dict[str, Any]) -> None:
    for scene in demo["scenes"]:
        alone, learned = scene["text_alone"]["items"], scene["learned"]["items"]
        assert all(item["retrievers"].keys() <= {"dense", "lexical"} for item in alone)
        assert any("collaborative" in item["retrievers"] for item in learned)
        assert {item["id"] for item in alone} != {item["id"] for item in learned}


@pytest.mark.slow
def test_the_second_run_is_quick_and_writes_nothing(
    second: Second, running_again: Elasticsearch, tmp_path: Path
) -> None:
    # A minute on two cores that do nothing else. Elasticsearch's own processor time is in it.
    assert 5 < second.seconds < 60
    url = second.results[0].stdout.strip()
    before = written(running_again)
    done = run("demo", "--url", url)
    assert done.returncode == 0, done.stderr
    assert written(running_again) == before
    commands = printed_commands(done.stdout)
    assert [command.split()[1] for command in commands] == ["recommend", "inspect", "query"]
    for again in as_printed(commands, tmp_path):
        assert again.returncode == 0, again.stderr
        assert again.stdout


def written(client: Elasticsearch) -> tuple[int, str]:
    """Operations since the node's start, and what `_meta` holds."""
    stats = client.indices.stats(index="xlrec-demo")["_all"]["primaries"]["indexing"]
    mapping = client.indices.get_mapping(index="xlrec-demo")
    return stats["index_total"], json.dumps(mapping.body, sort_keys=True)


@pytest.mark.slow
def test_the_three_printed_commands_run_as_printed(second: Second) -> None:
    begin = ('export XLREC_URL="$(xlrec-es node start', "xlrec-es recommend", "xlrec-es inspect")
    assert len(second.commands) == 3
    assert all(map(str.startswith, second.commands, begin))
    for done in second.results:
        assert done.returncode == 0, done.stderr
        assert done.stdout
    assert second.output.rstrip().endswith(second.commands[-1]), "nothing stands behind them"


@pytest.mark.slow
def test_what_is_printed_fits_80_columns_and_shows_no_weak_reasons(second: Second) -> None:
    lines = second.output.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert sum("text alone" in line and "with learned taste" in line for line in lines) == 3
    assert any("│ + " in line for line in lines)
    shares = [int(share) for share in re.findall(r"\b(\d+)%", second.output)]
    assert len(shares) > 18
    assert min(shares) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("theme", pictures.THEMES)
def test_the_picture_shows_what_is_printed(theme: pictures.Theme, second: Second) -> None:
    svg = (pictures.ASSETS / f"demo-{theme}.svg").read_text("utf-8")
    prompt, *lines = filter(None, pictures.lines_of(svg))
    assert prompt == "$ xlrec-es demo"
    assert sum(line.startswith("Who ") for line in lines) == 1
    prose = [line for line in lines if line[0] not in "┏┃┡│└"]
    assert set(prose) <= set(map(str.strip, second.output.splitlines()))
    who = next(line for line in lines if line.startswith("Who "))
    printed = second.output.partition(who)[2].partition("└")[0].splitlines()
    for shown, now in zip(columns(lines), columns(printed), strict=True):
        # Scores that are nearly equal change places with the processor, and with the segments that
        # the node has merged by then: a vector is quantized by the values of its segment.
        assert len(shown.keys() & now.keys()) >= len(shown) - 2
        for item in shown.keys() & now.keys():
            assert shown[item] == pytest.approx(now[item], abs=5)


def columns(lines: Sequence[str]) -> list[dict[str, dict[str, float]]]:
    """Items of the first and of the second column of a table, these with their reasons' percent."""
    rows = [[cell.strip(" +") for cell in line.split("│")[1:4]] for line in lines if "│" in line]
    reasons = [
        {item: float(share) for item, share in re.findall(r"(\w+) (\d+)%", of)} for *_, of in rows
    ]
    return [
        {left: {} for left, *_ in rows},
        {right: why for (_, right, _), why in zip(rows, reasons, strict=True)},
    ]


@pytest.mark.slow
def test_other_interactions_learned_meanwhile_are_replaced(
    running_again: Elasticsearch, second: Second, tmp_path: Path
) -> None:
    rows = (SAMPLE / "interactions.tsv").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "some.tsv").write_text("".join(rows[:600]), "utf-8")
    url = second.results[0].stdout.strip()
    learn = [sys.executable, "-m", "ingest", "learn", str(tmp_path / "some.tsv")]
    before = find_live(running_again, "xlrec-demo").meta.indicators["generation"]
    subprocess.run([*learn, "--index", "xlrec-demo", "--url", url], check=True, capture_output=True)
    assert find_live(running_again, "xlrec-demo").meta.indicators["generation"] != before
    done = run("demo", "--url", url)
    assert done.returncode == 0, done.stderr
    assert find_live(running_again, "xlrec-demo").meta.indicators["generation"] == before


@pytest.mark.slow
def test_centering_and_the_nearest_interest_carry_taste_over_the_border(
    running_again: Elasticsearch, languages_of: dict[str, list[str]]
) -> None:
    """recall@50 of the dense retriever in the mixed pool, against the raw mean vector's."""
    rows = (SAMPLE / "interactions.tsv").read_text("utf-8").splitlines()[1:]
    cases = make_cases([tuple(row.split("\t")) for row in rows], languages_of)
    languages = find_live(running_again, "xlrec-demo").meta.languages
    dense = Options(weights={"dense": 1.0}, mix="auto")
    with resources.as_file(SAMPLE / "interactions.tsv") as path:
        baseline = measured_raw_mean(running_again, "xlrec-demo", cases, path)
    centered = measured(
        running_again, "xlrec-demo", cases, options=dense, pool=MIXED, languages=languages
    )
    print(f"raw mean: {baseline}\ncentered, nearest interest: {centered}")
    assert centered.cases == baseline.cases > 200
    assert centered.recall >= 1.5 * baseline.recall
    assert centered.source_share < 0.3 < baseline.source_share


@pytest.mark.slow
def test_the_page_of_the_demo_opens_in_a_browser_and_ends_with_ctrl_c(
    second: Second, tmp_path: Path
) -> None:
    program, visited = tmp_path / "browser", tmp_path / "visited"
    # What is written is there at once, or not at all.
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {visited}.part\nmv {visited}.part {visited}\n')
    program.chmod(0o755)
    command = [*XLREC_ES, "demo", "--open", "--url", second.results[0].stdout.strip()]
    environment = {**os.environ, "BROWSER": f"{program} %s"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        deadline = time.monotonic() + 120
        while not visited.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        url = visited.read_text()
        with urlopen(f"{url}/v1/indices", timeout=30) as answer:
            told = json.load(answer)
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=60)[0]
    assert [one["name"] for one in told["indices"]] == ["xlrec-demo"]
    histories = json.loads((SAMPLE / "histories.json").read_text("utf-8"))
    assert told["samples"] == {one["user"]: one["history"] for one in histories}
    assert f"The page is at {url} until" in printed
    assert process.returncode == 0


def test_the_sample_is_whole_and_small(languages_of: dict[str, list[str]]) -> None:
    sample = (SAMPLE / "items.jsonl.gz").read_bytes()
    assert documents_in(sample) == sum(map(len, languages_of.values()))
    assert len(languages_of) == 1578
    files = [entry for entry in SAMPLE.iterdir() if entry.is_file()]
    assert sum(len(entry.read_bytes()) for entry in files) < 1.5e6
    assert b"Debian" in (SAMPLE / "ATTRIBUTION.md").read_bytes()


def processes_that_name(path: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(path) in command:
                found.append(command)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "seconds"),
    [(signal.SIGKILL, 2), (signal.SIGKILL, 25), (signal.SIGTERM, 12), (signal.SIGINT, 25)],
)
def test_a_killed_demo_leaves_no_process(how: int, seconds: float, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    demo = subprocess.Popen(
        [*XLREC_ES, "demo", "--folder", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    demo.send_signal(how)
    demo.wait(timeout=30)
    deadline = time.monotonic() + 30
    while (left := processes_that_name(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []
