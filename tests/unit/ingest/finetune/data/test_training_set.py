"""The folder of the pairs, and what else may be found in its place."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from ingest.finetune.data import training_set
from training_data import make_training_set
from xlrec_es.errors import UsageError


def test_earlier_pairs_may_be_replaced(tmp_path: Path) -> None:
    training_set.check_free(tmp_path / "none")
    make_training_set().write(tmp_path)
    written = set(tmp_path.iterdir())
    training_set.check_free(tmp_path)
    assert written < set(training_set.files_in(tmp_path))


@pytest.mark.parametrize("name", training_set.SCHEMAS)
def test_a_table_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.parquet"
    for write in (
        lambda: path.write_text("of great value"),
        lambda: pyarrow.parquet.write_table(pa.table({"user": ["ann"], "item": ["1"]}), path),
    ):
        write()
        before = path.read_bytes()
        with pytest.raises(UsageError) as error:
            training_set.check_free(tmp_path)
        assert str(error.value) == (
            f"{path} is there and was not written by xlrec-ingest pairs; name another folder, or "
            "remove the file"
        )
        assert path.read_bytes() == before
