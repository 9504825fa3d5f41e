"""`xlrec-es log-templates`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xlrec_es.cli.main import main


def run(*arguments: str, config: str | None = None) -> Result:
    before = [] if config is None else ["--config", config]
    return CliRunner().invoke(main, [*before, "log-templates", *arguments])


def test_the_forms_say_the_same() -> None:
    command = ("--impressions-index", "shown", "--events-index", "clicks")
    told = json.loads(run(*command, "--format", "json").stdout)
    requests = {one["path"]: one["body"] for one in told["requests"]}
    assert list(requests) == ["/_index_template/xlrec-clicks", "/_index_template/xlrec-shown"]
    console = run(*command).stdout.strip().split("\n\n")
    assert {
        line.removeprefix("PUT "): json.loads(body)
        for line, body in (one.split("\n", 1) for one in console)
    } == requests
    words = shlex.split(run(*command, "--format", "curl").stdout)
    assert [json.loads(word) for word in words if word.startswith("{")] == [*requests.values()]


def test_days_to_keep_make_a_data_stream_that_forgets() -> None:
    done = run("--impressions-index", "shown", "--keep-days", "90", "--format", "json")
    [one] = json.loads(done.stdout)["requests"]
    assert one["body"]["data_stream"] == {}
    assert one["body"]["template"]["lifecycle"] == {"data_retention": "90d"}


def test_events_that_are_kept_for_some_days_need_the_time_of_data_streams(tmp_path: Path) -> None:
    command = ("--events-index", "clicks", "--keep-days", "90", "--format", "json")
    refused = run(*command)
    assert refused.exit_code == 2
    assert 'write time = "@timestamp" into the table [history]' in refused.output
    config = tmp_path / "xlrec.toml"
    config.write_text('[history]\ntime = "@timestamp"\n')
    [one] = json.loads(run(*command, config=str(config)).stdout)["requests"]
    properties = one["body"]["template"]["mappings"]["properties"]
    assert properties["@timestamp"] == {"type": "date"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "no index is named"),
        (("--impressions-index", ""), "the name of an index is empty"),
        (("--impressions-index", "shown", "--keep-days", "0"), "0 is not in the range x>=1"),
    ],
)
def test_what_makes_no_template_is_refused(arguments: tuple[str, ...], why: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert why in done.output
