"""docker-compose.yml keeps the specification and its own promises. No Docker engine is needed."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker-compose.yml"
TEXT = COMPOSE.read_text("utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
ONE_SHOT = {"kibana-password", "ingest", "ingest-gpu"}


def test_keeps_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, COMPOSE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_only_variable_that_must_be_set_is_the_password() -> None:
    variables = set(re.findall(r"(?<!\$)\$\{?(\w+[^}\s]*)", TEXT))
    required = {v.split(":?")[0] for v in variables if ":?" in v}
    optional = {v.split(":-")[0] for v in variables if ":-" in v}
    assert required == {"XLREC_PASSWORD"}
    assert optional == {"XLREC_DATA"}
    assert all(":?" in v or ":-" in v for v in variables), "an unset variable would be empty"


@pytest.mark.parametrize("service", SERVICES)
def test_no_password_stands_in_the_file(service: str) -> None:
    for name, value in SERVICES[service].get("environment", {}).items():
        if "PASSWORD" in name:
            assert value.startswith("${XLREC_PASSWORD:?"), name


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_open_to_this_machine_alone(service: str) -> None:
    for port in SERVICES[service].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("service", SERVICES)
def test_memory_is_limited(service: str) -> None:
    assert SERVICES[service]["deploy"]["resources"]["limits"]["memory"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_watched_and_a_one_shot_is_not_started_again(service: str) -> None:
    body = SERVICES[service]
    if service in ONE_SHOT:
        assert body["restart"] == "no"
    else:
        assert body["healthcheck"]["test"]


def test_kibana_waits_for_its_password_and_that_for_elasticsearch() -> None:
    # A one-shot that nothing waits for would make `docker compose up --wait` fail.
    condition = SERVICES["kibana"]["depends_on"]["kibana-password"]["condition"]
    assert condition == "service_completed_successfully"
    condition = SERVICES["kibana-password"]["depends_on"]["elasticsearch"]["condition"]
    assert condition == "service_healthy"


def test_images_are_pinned_to_one_version_of_the_stack() -> None:
    tags = {body["image"].partition(":")[2] for body in SERVICES.values() if "image" in body}
    assert len(tags) == 1
    assert re.fullmatch(r"9\.\d+\.\d+", tags.pop())


def test_the_worker_image_installs_one_version_of_everything() -> None:
    lines = SERVICES["ingest"]["build"]["dockerfile_inline"].splitlines()
    assert re.fullmatch(r"FROM python:3\.\d+\.\d+-slim-\w+", lines[0])
    [setting] = [line for line in lines if line.startswith("ENV PIP")]
    assert setting.endswith("PIP_CONSTRAINT=/opt/xlrec-es/ingest/constraints.txt")
    installs = [line for line in lines if "pip install" in line]
    assert lines.index(setting) < lines.index(installs[0])
    assert "--no-build-isolation" in installs[-1], "what builds it would be the newest of the day"
    pins = (ROOT / "ingest" / "constraints.txt").read_text("utf-8").splitlines()[1:]
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", pin) for pin in pins)
    versions = dict(pin.split("==") for pin in pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = (
        *project["project"]["dependencies"],
        *extras["embedded"],
        *extras["ingest"],
        *project["build-system"]["requires"],
    )
    for requirement in map(Requirement, wanted):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_volumes_are_declared() -> None:
    named = {
        volume.partition(":")[0]
        for body in SERVICES.values()
        for volume in body.get("volumes", [])
        if isinstance(volume, str)
    }
    assert named == set(yaml.safe_load(TEXT)["volumes"])


def test_only_the_gpu_profile_asks_for_a_gpu() -> None:
    devices = SERVICES["ingest-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert SERVICES["ingest-gpu"]["profiles"] == ["gpu"]
    assert "reservations" not in SERVICES["ingest"]["deploy"]["resources"]
    assert SERVICES["ingest"]["profiles"] == ["ingest"]


def test_the_worker_image_copies_what_exists_and_runs_as_an_ordinary_user() -> None:
    lines = SERVICES["ingest"]["build"]["dockerfile_inline"].splitlines()
    sources = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert set(sources) == {
        ".ci",
        "pyproject.toml",
        "README.md",
        "mappings",
        "xlrec_es",
        "ingest",
    }
    assert all((ROOT / source).exists() for source in sources)
    assert lines.index("USER xlrec") < lines.index('ENTRYPOINT ["xlrec-ingest"]')
    assert not SERVICES["ingest"]["build"]["dockerfile_inline"].count("$"), (
        "Compose would expand it"
    )


@pytest.mark.parametrize(
    "password", ["simple", 'a"quote', r"back\slash", r"a\"b $HOME 'c' %s", "пароль"]
)
def test_any_password_reaches_elasticsearch_as_json(password: str, tmp_path: Path) -> None:
    curl = tmp_path / "curl"  # in place of the real one: prints its arguments, one a line
    curl.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n", "utf-8")
    curl.chmod(0o755)
    service = SERVICES["kibana-password"]
    script = service["command"][0].replace("$$", "$")
    environment = {"PASSWORD": password, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    arguments = subprocess.run(
        [*service["entrypoint"], script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert json.loads(arguments[arguments.index("--data") + 1]) == {"password": password}
    assert arguments[arguments.index("--user") + 1] == f"elastic:{password}"
