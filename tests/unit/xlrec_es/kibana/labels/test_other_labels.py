"""Labels of the fields of evaluations, logs and runs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ingest.run.observe.run_record import REJECT_TYPES, RUN_TYPES
from xlrec_es.evaluate.result_rows import TYPES
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.kibana.labels import other_labels
from xlrec_es.kibana.labels.field_labels import FieldLabel
from xlrec_es.service.feedback.log_mappings import events_mapping, impressions_mapping

VIEWS = {
    "evaluations": (other_labels.EVALUATIONS, set(TYPES)),
    "shown": (other_labels.SHOWN, set(impressions_mapping()["properties"])),
    "clicks": (other_labels.CLICKS, set(events_mapping(EventSource("clicks"))["properties"])),
    "runs": (other_labels.RUNS, set(RUN_TYPES)),
    "rejects": (other_labels.REJECTS, set(REJECT_TYPES)),
}


@pytest.mark.parametrize("view", VIEWS)
def test_every_field_that_has_a_type_has_a_label(view: str) -> None:
    labels, typed = VIEWS[view]
    assert typed - labels.keys() == set()


@pytest.mark.parametrize("view", VIEWS)
def test_labels_are_told_apart_and_say_something(view: str) -> None:
    labels: Mapping[str, FieldLabel] = VIEWS[view][0]
    names = [one.label for one in labels.values()]
    assert len(set(names)) == len(names)
    assert all(one.description.endswith(".") for one in labels.values())
