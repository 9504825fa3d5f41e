"""The example of a RayJob keeps KubeRay's schema. No Kubernetes is needed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

from ingest.cli.main import main

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "tests" / "data" / "rayjob.schema.json").read_text("utf-8"))


def example() -> dict[str, Any]:
    text = (ROOT / "ingest" / "SCALE.md").read_text("utf-8")
    [block] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(block)
    return found


def test_keeps_the_schema() -> None:
    jsonschema.validate(example(), SCHEMA)


@pytest.mark.parametrize("name", ["entryPoint", "rayClusterSpecs"])
def test_a_name_that_is_not_in_the_schema_is_found(name: str) -> None:
    wrong = example()
    wrong["spec"][name] = "x"
    with pytest.raises(jsonschema.ValidationError, match=name):
        jsonschema.validate(wrong, SCHEMA)


def test_its_command_parses() -> None:
    program, name, *options = shlex.split(example()["spec"]["entrypoint"])
    assert program == "xlrec-ingest"
    command = main.get_command(click.Context(main), name)
    assert command
    assert command.make_context(name, options, resilient_parsing=True).params["resume"]
