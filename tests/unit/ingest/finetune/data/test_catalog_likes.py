from __future__ import annotations

from pathlib import Path

import pytest

from ingest.finetune.data.catalog_likes import COLD_PART, CatalogJob, read_catalog_likes
from topic_catalog import EACH, TOPICS, write_catalog
from xlrec_es.errors import SourceError
from xlrec_es.records.field_map import FieldMap


def test_texts_and_users_come_without_an_index(tmp_path: Path) -> None:
    data = read_catalog_likes(write_catalog(tmp_path))
    assert len(data.works) == len(TOPICS) * EACH
    assert data.documents.texts[0] == "chess chess 0"
    assert data.documents.languages[:2] == ("en", "de")
    assert data.rejected == 0
    assert all(case.source in ("en", "de") for case in data.cases)
    languages = dict(zip(data.works, data.documents.languages, strict=True))
    for case in data.cases:
        assert {languages[work] for work in case.history} == {case.source}
        assert case.source not in {languages[work] for work in case.targets}


def test_some_items_are_as_if_new(tmp_path: Path) -> None:
    data = read_catalog_likes(write_catalog(tmp_path))
    assert data.cold.sum() == round(COLD_PART * len(data.works))
    cold = {work for work, new in zip(data.works, data.cold, strict=True) if new}
    assert data.cold_cases
    for case in data.cold_cases:
        assert case.targets <= cold
        assert not cold & {*case.history}


def test_what_is_no_item_is_counted(tmp_path: Path) -> None:
    job = write_catalog(tmp_path)
    with Path(job.items).open("a") as file:
        file.write('\n{"id": "empty", "language": "en"}\nno json\n')
    assert read_catalog_likes(job).rejected == 2


def test_fields_can_have_other_names(tmp_path: Path) -> None:
    job = write_catalog(tmp_path)
    path = Path(job.items)
    path.write_text(path.read_text().replace('"title"', '"name"'))
    renamed = CatalogJob(job.items, job.interactions, fields=FieldMap(title="name"))
    assert read_catalog_likes(renamed).works == read_catalog_likes(renamed).works
    with pytest.raises(SourceError, match="has no item with a text"):
        read_catalog_likes(job)


def test_one_language_leaves_nothing_to_measure(tmp_path: Path) -> None:
    job = write_catalog(tmp_path)
    path = Path(job.items)
    path.write_text(path.read_text().replace('"de"', '"en"'))
    with pytest.raises(SourceError, match="nothing to evaluate"):
        read_catalog_likes(job)
