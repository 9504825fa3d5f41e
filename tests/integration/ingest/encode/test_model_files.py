"""Models of a hub, in a process of its own: the client reads its variables when it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import model_kinds
from ingest.encode.model_files import find, hash_folder
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from model_hub import COMMIT, OLDER, Hub, model_hub
from xlrec_es.errors import ConfigError, EncoderError

NAME = "team/encoder"
CPU = EncoderOptions(device="cpu", dtype="float32")
_PROGRAM = """
import json, sys
from ingest.encode.options import EncoderOptions
from ingest.encode.sentence_transformer import load_encoder
from xlrec_es.errors import XlrecError
options = EncoderOptions(device="cpu", dtype="float32", **json.loads(sys.argv[2]))
try:
    encoder = load_encoder(sys.argv[1], options=options)
except XlrecError as error:
    print(json.dumps({"error": str(error)}))
else:
    told = {name: getattr(encoder, name) for name in ("model", "revision", "license", "dims")}
    print(json.dumps({**told, "vector": encoder.encode(["a puzzle"])[0].tolist()}))
"""

# What is not loaded needs no library that takes seconds to import.
_FIND_PROGRAM = """
import json, sys
from ingest.encode.model_files import find
from xlrec_es.errors import XlrecError
try:
    found = find(sys.argv[1], **json.loads(sys.argv[2]))
except XlrecError as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({"model": found.name, "revision": found.revision}))
"""

_SPARSE_PROGRAM = """
import json, sys
from ingest.encode.options import EncoderOptions, SparseModel
from ingest.encode.sparse.load import load_sparse
sparse = SparseModel(sys.argv[1], **json.loads(sys.argv[2]))
encoder = load_sparse(sparse, EncoderOptions(device="cpu", dtype="float32"))
print(json.dumps({"name": encoder.name, "weights": encoder.encode(["a puzzle"])[0]}))
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with model_hub() as hub:
        hub.models[NAME, COMMIT] = model_kinds.build_encoder(tmp_path / "new")
        yield hub


def load(hub: Hub, folder: Path, name: str = NAME, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a process loads, with a cache in a folder."""
    cache = {"HF_HOME": str(folder / "hub"), "XLREC_CACHE": str(folder / "own")}
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", **cache}
    environment |= options.pop("environment", {})
    done = subprocess.run(
        [sys.executable, "-c", options.pop("program", _PROGRAM), name, json.dumps(options)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "error" in told:
        raise EncoderError(told["error"])
    return told


def test_a_mirror_is_asked_for_what_is_needed_once(hub: Hub, tmp_path: Path) -> None:
    folder = hub.models[NAME, COMMIT]
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    (folder / "pytorch_model.bin").write_bytes(b"not wanted")
    (folder / "modeling.py").write_text("raise SystemExit('not wanted')")
    found = load(hub, tmp_path)
    assert (found["model"], found["revision"], found["license"]) == (NAME, COMMIT, "apache-2.0")
    assert {"model.safetensors", "README.md", "tokenizer.json"} <= {*hub.downloaded}
    assert not {"pytorch_model.bin", "modeling.py"} & {*hub.downloaded}
    hub.downloaded.clear()
    again = load(hub, tmp_path, program=_FIND_PROGRAM)
    assert again == {"model": NAME, "revision": COMMIT}
    assert hub.downloaded == []
    offline = load(hub, tmp_path, environment={"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://no"})
    assert offline["vector"] == found["vector"]


def test_pickled_weights_are_downloaded_where_there_are_no_others(hub: Hub, tmp_path: Path) -> None:
    encoder = load_encoder(str(hub.models[NAME, COMMIT]), options=CPU)
    expected = encoder.encode(["a puzzle"])[0].tolist()
    older = model_kinds.build_encoder(tmp_path / "old")
    model_kinds.pickle_weights(older)
    hub.models[NAME, OLDER] = older
    found = load(hub, tmp_path, revision="older")
    assert "pytorch_model.bin" in hub.downloaded
    assert (found["vector"], found["revision"]) == (expected, OLDER)
    assert load(hub, tmp_path, revision=OLDER, environment={"HF_HUB_OFFLINE": "1"}) == found


def test_what_the_hub_does_not_have_is_told(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="cannot be had from the Hugging Face hub"):
        load(hub, tmp_path, name="team/other", program=_FIND_PROGRAM)


def test_code_runs_if_its_commit_is_named(hub: Hub, tmp_path: Path) -> None:
    folder = hub.models[NAME, COMMIT]
    mark = tmp_path / "ran"
    (folder / "own_module.py").write_text(
        "from pathlib import Path\n"
        "from sentence_transformers.base.modules import Normalize\n\n"
        f"Path({str(mark)!r}).touch()\n\n\n"
        "class Own(Normalize):\n    pass\n"
    )
    modules = json.loads((folder / "modules.json").read_bytes())
    modules.append({"idx": 3, "name": "3", "path": "3_Own", "type": "own_module.Own"})
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(EncoderError, match=r"would run code of its own \(own_module\.Own\)"):
        load(hub, tmp_path, program=_FIND_PROGRAM)
    assert not mark.exists()
    found = load(hub, tmp_path, trusted_code=COMMIT)
    assert (found["revision"], found["dims"]) == (COMMIT, 32)
    assert mark.exists()


@pytest.mark.parametrize("option", ["revision", "trusted_code"])
def test_a_folder_has_no_revision_to_choose(hub: Hub, option: str) -> None:
    folder = hub.models[NAME, COMMIT]
    with pytest.raises(ConfigError, match="is for a model of the Hugging Face hub"):
        find(str(folder), **{option: COMMIT})
    assert find(str(folder)).revision == hash_folder(folder)


def test_a_layer_of_lexical_weights_is_had_where_they_are_wanted(hub: Hub, tmp_path: Path) -> None:
    folder = model_kinds.build_lexical(tmp_path / "lexical")
    model_kinds.pickle_weights(folder)
    hub.models[NAME, COMMIT] = folder
    load(hub, tmp_path, program=_FIND_PROGRAM)
    assert "sparse_linear.pt" not in hub.downloaded
    found = load(hub, tmp_path, program=_SPARSE_PROGRAM, revision=COMMIT)
    assert {"sparse_linear.pt", "pytorch_model.bin"} <= {*hub.downloaded}
    assert found["name"].startswith(f"{NAME} at {COMMIT}; lexical weights; ")
    assert found["weights"]
