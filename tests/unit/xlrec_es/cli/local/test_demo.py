from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

from xlrec_es import demo, node
from xlrec_es.cli.local import demo as printed
from xlrec_es.cli.main import main
from xlrec_es.demo import Scene
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.node.folder import default_folder
from xlrec_es.recommend.recommendations import Reason, Recommendation, Recommendations

REASONS = (Reason("chess", "GNOME Chess", 0.8), Reason("go", None, 0.03))


def found(*ids: str) -> Recommendations:
    items = tuple(
        Recommendation(i, i, "ja", 0.9, f"遊戯の題名が長い {i}" * 3, {}, REASONS) for i in ids
    )
    return Recommendations(items, "xlrec-demo-xlrec-v1", "f")


def scene(alone: Recommendations, learned: Recommendations) -> Scene:
    likes = ("chess", "it's a go")
    return Scene("plays", likes, ("GNOME Chess", None), ("de", "ja"), alone, learned)


def test_lists_stand_side_by_side_in_80_columns_and_new_ones_are_marked() -> None:
    table = printed._side_by_side(scene(found("a", "b", "c"), found("b", "d")))
    console = Console(width=80, force_terminal=False)
    with console.capture() as shown:
        console.print(table)
    lines = shown.get().splitlines()
    assert max(map(cell_len, lines)) <= 80
    known, new, nothing = (line for line in lines if line.startswith("│"))
    assert ("│   ja" in known, "│ + ja" in new) == (True, True)
    assert "GNOME Chess 80%" in known
    assert "go" not in known
    assert "+" not in nothing


def test_a_shell_reads_wrapped_commands_as_they_were() -> None:
    command = ["printf", "%s\n", *(f"org.example.it's-number-{number}" for number in range(9))]
    text = printed._wrapped(command)
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) > 2
    said = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == command[2:]


def test_there_are_three_commands_to_try_next() -> None:
    steps = demo.next_steps(scene(found(), found()), ["--url", "http://es:9200"])
    assert len(steps) == 3
    assert all(step[0] == "xlrec-es" and "http://es:9200" in step for step in steps)


@pytest.mark.parametrize(
    ("folder", "variable", "told"),
    [
        (None, None, ""),
        (Path("/tmp/a node"), None, " --folder '/tmp/a node'"),
        # `node start` would obey the variable, and the demo did not.
        (None, "/tmp/other", f" --folder {default_folder()}"),
    ],
)
def test_a_stopped_node_is_started_where_it_was(
    folder: Path | None, variable: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv("XLREC_NODE_FOLDER", variable)
    assert printed._start(folder) == f'  export XLREC_URL="$(xlrec-es node start{told})"'


def test_the_command_that_starts_a_node_in_a_long_folder_fits_and_runs(tmp_path: Path) -> None:
    folder = Path("/tmp/a folder with a long name and spaces in it/node")
    text = printed._start(folder)
    assert max(map(cell_len, text.splitlines())) <= 80
    program = tmp_path / "xlrec-es"
    program.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", f'{text}\necho "$XLREC_URL"'],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"<node><start><--folder><{folder}>\n"


def test_commands_repeat_what_was_given_but_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveIndex("xlrec-demo-xlrec-v1", None, (9, 0), None, None)  # type: ignore[arg-type]
    monkeypatch.setattr(demo, "prepare_index", lambda *_: live)
    monkeypatch.setattr(demo, "play", lambda *_: [scene(found("a"), found("b"))])
    monkeypatch.setattr(node, "running", None)  # not called
    given = ["--url", "https://es:9200", "--insecure", "--username", "ann", "--password", "secret"]
    done = CliRunner().invoke(main, ["demo", *given])
    assert done.exit_code == 0, done.output
    assert "secret in XLREC_PASSWORD" in done.output
    assert done.output.count("--url https://es:9200 --username ann --insecure") == 3
    assert "--password secret" not in done.output
    assert "Warning: other users of this machine can read --password" in done.stderr
    monkeypatch.setenv("XLREC_URL", "http://127.0.0.1:9209")
    done = CliRunner().invoke(main, ["demo"])
    assert done.exit_code == 0, done.output
    assert "--url" not in done.output
    assert "http://127.0.0.1:9209/xlrec-demo/_search" in done.output


def test_the_sample_is_exported_and_replaces_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    command = ["demo", "--export", str(folder)]
    done = CliRunner().invoke(main, command)
    files = [folder / "items.jsonl", folder / "interactions.tsv"]
    assert done.stdout.split() == [str(path) for path in files]
    items = [json.loads(line) for line in files[0].read_text("utf-8").splitlines()]
    rows = [line.split("\t") for line in files[1].read_text("utf-8").splitlines()]
    assert (len(items), rows[0], len(rows)) == (1578, ["user", "item"], 1283)
    assert {item for _, item in rows[1:]} <= {item["id"] for item in items}
    files[0].unlink()
    files[1].write_text("mine")
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 2
    assert f"{files[1]} is there already" in refused.stderr
    assert (files[0].exists(), files[1].read_text()) == (False, "mine")


def test_an_export_in_json_and_one_into_no_folder(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["demo", "--export", str(tmp_path), "--json"])
    files = [str(tmp_path / "items.jsonl"), str(tmp_path / "interactions.tsv")]
    assert json.loads(done.stdout) == {"schema_version": 1, "files": files}
    for folder in (Path("/proc/none"), tmp_path / "items.jsonl" / "under"):
        refused = CliRunner().invoke(main, ["demo", "--export", str(folder)])
        assert refused.exit_code == 2
        assert f"cannot write into {folder} (" in " ".join(refused.stderr.split())
