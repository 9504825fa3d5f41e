from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from xlrec_es.service.api import placement_forms, questions
from xlrec_es.service.api.questions import ImpressionsTold, Strict

_ANSWER_ITEM: dict[str, object] = {
    "id": "chess-1.ja",
    "work": "chess-1",
    "language": "ja",
    "score": 0.5,
    "propensity": 0.25,
    "retrievers": {"collaborative": {"rank": 1, "score": 2.5, "share": 1.0}},
    "popular": False,
}


def _asked() -> Iterator[type[Strict]]:
    for room in (questions, placement_forms):
        for found in vars(room).values():
            if isinstance(found, type) and issubclass(found, Strict) and found is not Strict:
                yield found


def _numbers() -> Iterator[tuple[type[Strict], str]]:
    for form in _asked():
        for name, told in form.model_json_schema()["properties"].items():
            kinds = {choice.get("type") for choice in told.get("anyOf", [told])}
            if kinds & {"number", "integer"}:
                yield form, name


@pytest.mark.parametrize(
    ("form", "name"),
    [pytest.param(form, name, id=f"{form.__name__}-{name}") for form, name in _numbers()],
)
@pytest.mark.parametrize("wrong", [True, "1"])
def test_no_truth_value_or_text_is_a_number(form: type[Strict], name: str, wrong: object) -> None:
    with pytest.raises(ValidationError) as refused:
        form.model_validate({name: wrong})
    told = {error["loc"][0] for error in refused.value.errors() if error["type"] != "missing"}
    assert told == {name}


def test_fields_with_numbers_are_found() -> None:
    assert {name for _, name in _numbers()} >= {"size", "score", "rank", "propensity", "place"}


def test_what_an_impression_does_not_need_of_an_answer_is_passed_over() -> None:
    told = ImpressionsTold.model_validate({"user": "ann", "items": [_ANSWER_ITEM]})
    assert told.items[0].model_dump() == {
        "id": "chess-1.ja",
        "work": "chess-1",
        "language": "ja",
        "score": 0.5,
        "propensity": 0.25,
        "retrievers": {"collaborative": {"rank": 1}},
    }


def test_ids_of_a_batch_are_bounded_together() -> None:
    most = [{"history": ["7"] * 10_000}] * 5
    questions.BatchAsked.model_validate({"users": most})
    with pytest.raises(ValidationError, match="50001 ids together; send at most 50000 at once"):
        questions.BatchAsked.model_validate({"users": [*most, {"history": ["7"]}]})
