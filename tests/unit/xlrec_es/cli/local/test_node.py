from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from xlrec_es.cli.main import main
from xlrec_es.node import NodeInfo, lifecycle


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--heap", "lots"], "write it as 512m or 2g"),
        (["--setting", "queue_size"], "write it as NAME=VALUE"),
        (["--setting", "=1"], "write it as NAME=VALUE"),
        (["--setting", "network.host=0.0.0.0"], "network.host cannot be set"),
        (["--version", "7.17.0"], "'9.5.0', '8.19.0'"),
        (["--port", "80"], "1024<=x<=65535"),
    ],
)
def test_misuse_ends_with_a_sentence_and_exit_code_2(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    folder = tmp_path / "node"
    done = CliRunner().invoke(main, ["node", "start", "--folder", str(folder), *arguments])
    assert done.exit_code == 2
    assert said in done.output
    assert not folder.exists()


def test_options_come_from_the_file_too(tmp_path: Path) -> None:
    config = tmp_path / "xlrec.toml"
    config.write_text('[node.start]\nheap = "from the file"\n')
    done = CliRunner().invoke(main, ["--config", str(config), "node", "start"])
    assert done.exit_code == 2
    assert "'from the file' is not a heap size" in done.output


@pytest.mark.parametrize("command", ["stop", "logs"])
def test_a_folder_without_a_node_is_named(tmp_path: Path, command: str) -> None:
    done = CliRunner().invoke(main, ["node", command, "--folder", str(tmp_path)])
    assert done.exit_code == 1
    assert f"there is no node in {tmp_path}" in done.output


def test_status_of_a_folder_without_a_node(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["node", "status", "--json", "--folder", str(tmp_path)])
    assert (done.exit_code, done.output) == (5, '{"schema_version": 1, "state": "stopped"}\n')


@pytest.mark.parametrize(
    ("url", "variable", "told"),
    [
        ("http://127.0.0.1:9200", None, ""),
        ("http://127.0.0.1:9203", None, "export XLREC_URL=http://127.0.0.1:9203"),
        ("https://127.0.0.1:9200", None, "export XLREC_URL=https://127.0.0.1:9200"),
        ("http://127.0.0.1:9203", "http://127.0.0.1:9203", ""),
        (
            "http://127.0.0.1:9200",
            "http://es.example:9200",
            "export XLREC_URL=http://127.0.0.1:9200",
        ),
    ],
)
def test_where_other_commands_look_elsewhere_it_is_said_how_they_find_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, variable: str | None, told: str
) -> None:
    info = NodeInfo(url, tmp_path, "9.5.0", 1, tmp_path, language_analyzers=True)
    monkeypatch.setattr(lifecycle, "start", lambda *_args, **_options: info)
    done = CliRunner().invoke(main, ["node", "start"], env={"XLREC_URL": variable})
    assert (done.exit_code, done.stdout) == (0, f"{url}\n")
    assert told in done.stderr
    assert ("export" in done.stderr) == bool(told)
