"""Names of devices."""

from __future__ import annotations

import pytest

from ingest.encode.options import check_device
from xlrec_es.errors import ConfigError


@pytest.mark.parametrize("device", ["tpu", "", "cuda:", "auto,cpu", "mps,mps", "cuda,cuda:0", ","])
def test_what_is_no_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match="is not one of auto, cuda, mps, cpu, cuda:0"):
        check_device(device)
    with pytest.raises(ConfigError, match="names a GPU twice"):
        check_device("cuda:1,cuda:1")
