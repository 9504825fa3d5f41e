"""Times as people and programs write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlrec_es.errors import SourceError, UsageError
from xlrec_es.interactions.times import DATES, IMPLAUSIBLE, NULL, UNITS, UNREADABLE, TimeReader

MOMENT = datetime(2024, 1, 14, 12, 0, 0, tzinfo=UTC)
SECONDS = MOMENT.timestamp()
DAY = datetime(2024, 1, 14, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-14T12:00:00Z", SECONDS),
        ("2024-01-14T12:00:00.111+00:00", SECONDS + 0.111),
        ("2024-01-14T12:00:00.111000+00:00", SECONDS + 0.111),
        ("2024-01-14 12:00:00.111111111", SECONDS + 0.111111),
        ("2024-01-14 12:00:00 UTC", SECONDS),
        ("2024-01-14T14:00:00+02:00", SECONDS),
        ("2024-01-14", DAY),
        ("20240114", DAY),
        ("20240114120000", SECONDS),
        ("20240114T120000Z", SECONDS),
        (f"{SECONDS:.0f}", SECONDS),
        (f"{SECONDS:.0f}.5", SECONDS + 0.5),
        (f"{SECONDS * 1e3:.0f}", SECONDS),
        (f"{SECONDS * 1e6:.0f}", SECONDS),
        (f"{SECONDS * 1e9:.0f}", SECONDS),
        (" 2024-01-14 ", DAY),
    ],
)
def test_a_time_is_known_by_how_it_is_written(text: str, seconds: float) -> None:
    times = TimeReader()
    assert times.text(text) == pytest.approx(seconds, abs=1e-6)
    times.refuse_nothing("x")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\\N", NULL),
        ("NaT", NULL),
        ("null", NULL),
        ("0000-00-00 00:00:00", NULL),
        ("yesterday", UNREADABLE),
        ("2024-13-45", UNREADABLE),
        ("20241399", UNREADABLE),
        ("14/01/2024", UNREADABLE),
        ("0", IMPLAUSIBLE),
        ("-5", IMPLAUSIBLE),
        ("1e300", IMPLAUSIBLE),
        ("12", IMPLAUSIBLE),
    ],
)
def test_what_is_no_time_is_counted_under_its_reason(text: str, reason: str) -> None:
    times = TimeReader()
    assert math.isnan(times.text(text))
    assert times.report == {reason: 1}


def test_no_time_at_all_is_not_counted() -> None:
    times = TimeReader()
    assert np.isnan(times.texts(["", None])).all()
    assert not times.report
    times.refuse_nothing("x")


def test_the_summary_says_which_units_there_are() -> None:
    times = TimeReader()
    times.texts([f"{SECONDS:.0f}", f"{SECONDS * 1e3:.0f}", "20240114", "2024-01-14", "0"])
    assert times.report == {
        "times in seconds": 1,
        "times in milliseconds": 1,
        "times as yyyymmdd": 1,
        IMPLAUSIBLE: 1,
    }


@given(
    st.datetimes(datetime(1971, 1, 2), datetime(2099, 12, 31)),
    st.sampled_from([*UNITS]),
)
def test_numbers_and_texts_are_read_alike(moment: datetime, unit: str) -> None:
    seconds = int(moment.replace(tzinfo=UTC).timestamp())
    number = seconds * int(UNITS[unit])
    of_text, of_number = TimeReader(), TimeReader()
    assert of_text.text(str(number)) == pytest.approx(seconds, abs=1e-3)
    assert of_number.numbers(np.array([number], float))[0] == pytest.approx(seconds, abs=1e-3)
    assert of_text.report == of_number.report == {f"times in {unit}": 1}


def test_days_as_numbers() -> None:
    times = TimeReader()
    assert times.numbers(np.array([20240114.0, np.nan, 7.0])).tolist() == pytest.approx(
        [DAY, math.nan, math.nan], nan_ok=True
    )
    assert times.report == {"times as yyyymmdd": 1, IMPLAUSIBLE: 1}


@pytest.mark.parametrize(
    ("written", "text", "seconds"),
    [
        ("seconds", "12", 12),
        ("milliseconds", "12000", 12),
        (DATES, "20240114", DAY),
        ("%d/%m/%Y", "14/01/2024", DAY),
        ("%d/%m/%Y %H:%M:%S %z", "14/01/2024 14:00:00 +0200", SECONDS),
    ],
)
def test_who_says_how_times_are_written_is_believed(
    written: str, text: str, seconds: float
) -> None:
    assert TimeReader(written).text(text) == seconds
    assert TimeReader(written).text("nonsense") != seconds


def test_a_way_to_write_times_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="seconds, milliseconds"):
        TimeReader("minutes")


def test_a_column_of_which_nothing_can_be_read_is_refused() -> None:
    times = TimeReader()
    times.texts(["14/01/2024", "15/01/2024", ""])
    with pytest.raises(SourceError, match=r"none of the 2 times of log.tsv .*'14/01/2024'"):
        times.refuse_nothing("log.tsv")
