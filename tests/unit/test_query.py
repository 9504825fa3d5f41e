"""Golden request bodies: `python tests/unit/test_query.py` writes them anew, for review."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from xlrec_es.profile import LikedDocument, Profile, build_profile
from xlrec_es.query import (
    SearchOptions,
    SearchRequest,
    build_requests,
    history_body,
    to_console,
    to_msearch,
)

GOLDEN = Path(__file__).parent / "golden"
ODD_ID = 'quote" brace} back\\slash ünï日本 \t'


def profile() -> Profile:
    documents = [
        LikedDocument("gimp@de", "gimp", "de", "GIMP", np.asarray([1, 0, 0], np.float32)),
        LikedDocument("gimp@ja", "gimp", "ja", "GIMP", np.asarray([1, 0, 0], np.float32)),
        LikedDocument(ODD_ID, ODD_ID, "de", None, np.asarray([0, 0.6, 0.8], np.float32)),
    ]
    return build_profile(documents, {"gimp": 3.0, ODD_ID: 1.0})


def requests(**changes: object) -> tuple[SearchRequest, ...]:
    arguments = {
        "languages": ["ja", "zh"],
        "legs": ("dense", "lexical"),
        "index": "apps-xlrec-v1",
        "options": SearchOptions(candidates=20, num_candidates=50, source=("title",)),
        **changes,
    }
    return build_requests(profile(), **arguments)  # type: ignore[arg-type]


def golden_bodies() -> dict[str, object]:
    return {
        "history": history_body(["a", ODD_ID], ["a"], title="title"),
        "requests": [
            {"language": r.language, "leg": r.leg, "interest": r.interest, "body": r.body}
            for r in requests()
        ],
    }


@pytest.mark.parametrize("name", sorted(golden_bodies()))
def test_bodies_are_the_golden_ones(name: str) -> None:
    written = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert json.loads(json.dumps(golden_bodies()[name])) == written


def test_a_language_without_history_text_has_no_lexical_leg() -> None:
    legs = [(request.language, request.leg) for request in requests()]
    assert legs == [
        ("ja", "dense"),
        ("ja", "dense"),
        ("ja", "lexical"),
        ("zh", "dense"),
        ("zh", "dense"),
    ]


def test_only_the_legs_asked_for_are_searched() -> None:
    assert {request.leg for request in requests(legs=("lexical",))} == {"lexical"}
    assert {request.leg for request in requests(legs=("dense",))} == {"dense"}


def test_every_search_leaves_seen_works_out_and_keeps_to_its_language() -> None:
    for request in requests():
        body = json.dumps(request.body)
        assert json.dumps({"terms": {"xlrec.work": ["gimp", ODD_ID]}}) in body
        assert json.dumps({"term": {"xlrec.language": request.language}}) in body


def test_num_candidates_is_never_below_k() -> None:
    [request] = requests(
        languages=["zh"],
        legs=("dense",),
        options=SearchOptions(candidates=300, num_candidates=50),
    )[:1]
    assert request.body["knn"]["num_candidates"] == 300


def test_msearch_alternates_header_and_body() -> None:
    lines = to_msearch(requests(), "apps")
    assert lines[0::2] == [{"index": "apps"}] * 5
    assert lines[1::2] == [request.body for request in requests()]


def test_console_text_is_a_line_of_json_below_each_request_line() -> None:
    blocks = to_console(requests(), "apps").split("\n\n")
    assert len(blocks) == 5
    for block, request in zip(blocks, requests(), strict=True):
        caption, verb, body = block.split("\n")
        assert caption.startswith(f"# {request.language}: {request.leg}")
        assert verb == "POST /apps/_search"
        assert json.loads(body) == json.loads(json.dumps(request.body))


if __name__ == "__main__":
    for name, body in golden_bodies().items():
        text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
        (GOLDEN / f"{name}.json").write_text(text, "utf-8")
