from __future__ import annotations

import pytest

from xlrec_es.index import fields
from xlrec_es.index.mapping import index_body, relation_fields

META = {
    "schema": "xlrec.v1",
    "fingerprint": {"sparse": "splade"},
    "images": {"fingerprint": {"dims": 6}},
}
BODY = index_body(dims=4, analyzers={"de": "german"}, meta=META)
MAPPINGS = BODY["mappings"]
NAMES = [name for name in vars(fields) if name.endswith("_FIELD") and name != "OWN_FIELD"]


@pytest.mark.parametrize("name", NAMES)
def test_a_field_is_one_of_the_objects_that_the_mapping_has(name: str) -> None:
    own, _, field = getattr(fields, name).partition(".")
    assert own == fields.OWN_FIELD
    assert field in MAPPINGS["properties"][own]["properties"]


@pytest.mark.parametrize("relation", [fields.TASTE, *fields.RELATIONS.values()])
def test_a_relation_has_fields_in_the_mapping(relation: fields.Relation) -> None:
    assert fields.relation_of(relation.name if relation.key else None) == relation
    for name in ("weights", "provenance", "evidence", "generation"):
        *objects, field = getattr(relation, name).split(".")
        found = MAPPINGS
        for key in objects:
            found = found["properties"][key]
        assert "type" in found["properties"][field]
    added = relation_fields(relation)
    own = MAPPINGS["properties"][fields.OWN_FIELD]["properties"]
    assert added == ({relation.key: own[relation.key]} if relation.key else {})


def test_texts_in_a_language_have_a_field_of_their_own() -> None:
    *objects, language = fields.text_field("de").split(".")
    found = MAPPINGS
    for name in objects:
        found = found["properties"][name]
    assert found["properties"][language]["analyzer"] == "german"


def test_what_an_index_says_of_itself_stands_under_the_objects_name() -> None:
    assert MAPPINGS["_meta"] == {fields.OWN_FIELD: META}


def test_fields_of_sparse_weights_and_pictures_are_there_where_they_were_asked_for_alone() -> None:
    own = MAPPINGS["properties"][fields.OWN_FIELD]["properties"]
    assert own["image_vector"] == {**own["embedding"], "dims": 6}
    assert own["sparse"] == {"type": "sparse_vector"}
    plain = index_body(dims=4, analyzers={}, meta={"schema": "xlrec.v1"})
    assert "image" not in str(plain)
    assert "sparse" not in plain["mappings"]["properties"][fields.OWN_FIELD]["properties"]
