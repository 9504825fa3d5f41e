"""Virtual environments with the core dependencies alone, for the tests of packaging."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Venv:
    """A virtual environment without pip; the tests' own pip installs into it."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Venv:
        """Make an empty one."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        return cls(folder)

    def install(self, *arguments: str | Path) -> None:
        """`pip install` these."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python")]
        command = [*pip, "install", "--quiet", "--disable-pip-version-check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, where the checkout cannot be imported from."""
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "XLREC_"))
        }
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=environment,
        )

    def python(self, code: str) -> Any:  # noqa: ANN401 - whatever the code prints as JSON
        """What a piece of code prints, as JSON."""
        done = self.run("python", "-c", code)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
