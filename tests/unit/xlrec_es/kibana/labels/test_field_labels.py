"""Labels of the fields that are ours."""

from __future__ import annotations

from xlrec_es.index.mapped_fields import mapped_fields
from xlrec_es.index.mapping import index_body, load_mapping
from xlrec_es.kibana.labels.field_labels import HIDDEN, LABELS, label_of, labels_of

OURS = index_body(dims=3, analyzers={"de": "german", "zh-Hant": "cjk"}, meta={})["mappings"]
PATHS = {field.path for field in mapped_fields(OURS)}


def test_every_field_of_the_mapping_has_a_label_and_no_other_has_one() -> None:
    assert {path for path in PATHS if label_of(path) is None} == set()
    assert LABELS.keys() == {field.path for field in mapped_fields(load_mapping()["mappings"])}
    assert labels_of(OURS).keys() == PATHS
    assert {"xlrec.text.de", "xlrec.text.zh-Hant"} <= PATHS


def test_labels_are_told_apart_and_say_something() -> None:
    labels = labels_of(OURS)
    names = [one.label for one in labels.values()]
    assert len(set(names)) == len(names)
    assert all(one.description.endswith(".") for one in labels.values())
    assert label_of("xlrec.text.zh-Hant").label == "Text (zh-Hant)"  # type: ignore[union-attr]


def test_what_is_hidden_are_fields_of_many_numbers() -> None:
    types = {field.path: field.type for field in mapped_fields(OURS)}
    many = {path for path, kind in types.items() if kind in ("dense_vector", "sparse_vector")}
    assert set(HIDDEN) == many


def test_fields_of_the_user_have_no_label_of_ours() -> None:
    assert label_of("title") is None
    assert labels_of({"properties": {"title": {"type": "text"}}}) == {}
