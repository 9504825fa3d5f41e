"""Run a command in the virtual environment of the tests, made first where it is missing.

    python3 tests/environment.py ruff check .

The environment lies outside of the checkout, in the user's cache, because it takes 6 GB and serves
every checkout with the same dependencies. Its name is a hash of what it is made from; one that fits
is reused, and the others are removed. The project itself is installed in it as editable, so that
the code under test is always the checkout's own.

A lock keeps runs apart: any number may use the environment from one checkout, while a run from
another checkout, or one that needs other dependencies, waits for them to end.

Standard library alone: this runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xlrec-es"
OLDEST = (3, 11)


def main() -> None:
    """Run the command that the arguments give; this process becomes that command."""
    if len(sys.argv) == 1:
        sys.exit(__doc__)
    if sys.version_info < OLDEST:
        use_newer_python()
    CACHE.mkdir(parents=True, exist_ok=True)
    environment = CACHE / f"test-{dependency_key()}"
    # Inherited by the command, which therefore holds the lock until it ends, however it ends.
    lock = os.open(CACHE / "test.lock", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(lock, True)
    fcntl.flock(lock, fcntl.LOCK_SH)
    while not is_ready(environment):  # another run may have changed it between the two locks
        wait_alone(lock)
        prepare(environment)
        fcntl.flock(lock, fcntl.LOCK_SH)
    os.environ["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    os.execvp(sys.argv[1], sys.argv[1:])


def use_newer_python() -> None:
    """Start again under a Python that is new enough, or say that there is none."""
    for minor in range(20, OLDEST[1] - 1, -1):
        path = shutil.which(f"python3.{minor}")
        # Version managers leave stubs that are found but do not run.
        if (
            path
            and subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0
        ):
            os.execv(path, [path, *sys.argv])
    sys.exit(f"Python {platform.python_version()} is too old: install Python 3.11 or newer.")


def dependency_key() -> str:
    """Names what the environment is made from: Python, and what pyproject.toml asks to install."""
    import tomllib  # from Python 3.11 on

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    parts = [
        sys.version,
        sys.base_prefix,
        project["build-system"],
        project["project"]["dependencies"],
        project["project"]["optional-dependencies"],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def is_ready(environment: Path) -> bool:
    """Whether everything is installed and the project in it is this checkout as it is now."""
    try:
        return installed_file(environment).read_text("utf-8") == checkout()
    except FileNotFoundError:
        return False


def installed_file(environment: Path) -> Path:
    """Exists once all dependencies are installed; says which checkout is."""
    return environment / "installed-checkout"


def checkout() -> str:
    """This checkout, and a hash of what its installation is made from."""
    return f"{ROOT} {hashlib.sha256((ROOT / 'pyproject.toml').read_bytes()).hexdigest()}"


def wait_alone(lock: int) -> None:
    """Wait until no other run uses an environment."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Waiting for test runs of another checkout to end ...")
        fcntl.flock(lock, fcntl.LOCK_EX)


def prepare(environment: Path) -> None:
    """Make the environment if it is missing or unfinished, and install this checkout in it."""
    installed = installed_file(environment)
    if installed.exists():
        installed.write_text("", "utf-8")  # no checkout, should the next line be interrupted
        install(environment, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    else:
        for other in CACHE.glob("test-*"):
            shutil.rmtree(other)
        say(f"Making the tests' virtual environment in {environment} (6 GB, some minutes) ...")
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install(environment, "--editable", f"{ROOT}[dev]")
    installed.write_text(checkout(), "utf-8")


def install(environment: Path, *arguments: str) -> None:
    """Run the environment's pip, which reports on standard error what goes wrong."""
    pip: list[Any] = [environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    if subprocess.run([*pip, "install", "--quiet", *arguments], check=False).returncode:
        sys.exit("The tests' virtual environment could not be made: see pip's message above.")


def say(message: str) -> None:
    """Tell the user who waits, apart from the command's own output."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
