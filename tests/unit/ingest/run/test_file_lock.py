"""A file that one run at a time writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ingest.run.file_lock import locked
from xlrec_es.errors import ConfigError

HOLD = """
import sys
from pathlib import Path
from ingest.run.file_lock import locked
with locked(Path(sys.argv[1]), advice="wait"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_refused_with_a_sentence_until_the_first_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    link = tmp_path / "link"
    link.symlink_to(path)
    with locked(path, advice="name another"):
        for name in (path, link):
            with (
                pytest.raises(ConfigError, match=r"another run is writing .*, or name another"),
                locked(name, advice="name another"),
            ):
                pass
        with locked(tmp_path / "another", advice=""):
            pass
    with locked(path, advice=""):
        pass
    assert [found.name for found in tmp_path.iterdir()] == ["link"]


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match="another run"), locked(path, advice=""):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / "rejects.lock").exists()
    with locked(path, advice=""):
        pass
    assert not list(tmp_path.iterdir())


def test_never_two_at_a_time(tmp_path: Path) -> None:
    """Each removes its lock while another may just have opened it."""
    path, inside, most, done = tmp_path / "rejects", 0, 0, 0
    guard = threading.Lock()

    def take_and_give_back() -> None:
        nonlocal inside, most, done
        for _ in range(300):
            try:
                with locked(path, advice=""):
                    with guard:
                        inside += 1
                        most = max(most, inside)
                    time.sleep(0)
                    with guard:
                        inside -= 1
                        done += 1
            except ConfigError:
                time.sleep(0)

    threads = [threading.Thread(target=take_and_give_back) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert done > 100


def test_a_folder_that_takes_no_lock_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(
            ConfigError, match=r"cannot lock .*: No such file or directory; name another"
        ),
        locked(tmp_path / "no" / "rejects", advice="name another"),
    ):
        pass


def test_the_lock_of_another_program_is_refused_and_stays(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text("version = 1")
    with (
        pytest.raises(ConfigError, match=r"uv\.lock is of another program; name another"),
        locked(tmp_path / "uv", advice="name another"),
    ):
        pass
    assert lock.read_text() == "version = 1"
