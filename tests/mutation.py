"""Plant faults one by one, and count those on which no unit test fails: mutation testing.

    python3 tests/environment.py python tests/mutation.py [MODULE...] [--most N] [--seed S]

Without names, all modules of `COVERED` in turn. mutmut (https://github.com/boxed/mutmut) makes the
faults, in functions that have no decorator. It is no dependency of the project: the first run
installs it into an environment of its own, which sees the packages of the tests' environment.

Of each module `--most` faults are drawn. Left out are those that change nothing but the letters of
a text with a space in it, which is for people. A fault is killed if a unit test fails on it, or
does not end. What survives is printed, and listed in tests/data/equivalent_mutants.json with the
reason if no test could see it. `--record` writes tests/bench/results/mutation.json.
"""

from __future__ import annotations

import argparse
import ast
import copy
import difflib
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bench_tables
from environment import CACHE, ROOT
from venvs import Venv

MUTMUT = "mutmut==3.8.1"
RESULT = bench_tables.RESULTS / "mutation.json"
EQUIVALENT = ROOT / "tests" / "data" / "equivalent_mutants.json"
KILLED = {1, 3, 24, 36, -24}
"""mutmut's codes: a test failed, or none ended in time."""

COVERED = {
    "xlrec_es/exact_json.py": ("xlrec_es/test_exact_json.py",),
    "xlrec_es/cluster/bulk.py": ("xlrec_es/cluster/test_bulk.py",),
    "xlrec_es/cluster/retry.py": ("xlrec_es/cluster/test_retry.py",),
    "xlrec_es/cluster/request_limit.py": ("xlrec_es/cluster/test_request_limit.py",),
    "xlrec_es/cluster/roles.py": ("xlrec_es/cluster/test_roles.py",),
    "xlrec_es/recommend/answer/fusion.py": ("xlrec_es/recommend/answer/test_fusion.py",),
    "xlrec_es/versions/aliases.py": ("xlrec_es/versions/test_aliases.py",),
    "xlrec_es/versions/catch_up.py": ("xlrec_es/versions/test_catch_up.py",),
    "xlrec_es/versions/creation.py": ("xlrec_es/versions/test_creation.py",),
    "xlrec_es/versions/inventory.py": ("xlrec_es/versions/test_inventory.py",),
    "ingest/run/checkpoint.py": ("ingest/run/test_checkpoint.py",),
    "ingest/run/counts.py": ("ingest/run/test_counts.py",),
    "ingest/run/reject_file.py": (
        "ingest/run/test_committing.py",
        "ingest/run/test_hostile_records.py",
        "ingest/run/test_reject_file.py",
    ),
    "ingest/run/window.py": ("ingest/run/test_window.py",),
    "ingest/write/companion_index.py": ("ingest/write/test_companion_index.py",),
    "ingest/write/modes.py": ("ingest/write/test_modes.py",),
    "ingest/write/target_index.py": ("ingest/write/test_target_index.py",),
}
"""By module, the unit tests that are to see its faults."""
SLOW = "xlrec_es/test_exact_json.py::test_a_line_of_digits_takes_little_memory"

# Few examples, always the same ones: what kills a fault once kills it again.
CONFTEST = """
from hypothesis import settings

settings.register_profile("mutation", max_examples=25, deadline=None, derandomize=True)
settings.load_profile("mutation")
"""


@dataclass(frozen=True)
class Mutant:
    """A fault.

    Attributes:
        name: mutmut's.
        where: The module and the function.
        was: The lines that it changes, as `ast` writes them.
        becomes: What they are with it.
    """

    name: str
    where: str
    was: str
    becomes: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is told by: mutmut's numbers change with the code."""
        return self.where, self.was, self.becomes

    def told(self) -> dict[str, str]:
        """For a file that people read."""
        return {"where": self.where, "was": self.was, "becomes": self.becomes}


class _WithoutTexts(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        text = isinstance(node.value, str) and " " in node.value
        return ast.Constant("") if text else node


@dataclass(frozen=True)
class Copy:
    """A copy of the checkout, in which the faults of one module are planted.

    Attributes:
        folder: Where it is.
        module: Path of the module.
        python: The environment that has mutmut.
    """

    folder: Path
    module: str
    python: Venv

    def make(self) -> None:
        """Copy what unit tests need, and tell mutmut what to do."""
        for name in ("xlrec_es", "ingest", "mappings", "tests/unit", "tests/data"):
            shutil.copytree(ROOT / name, self.folder / name)
        for path in [ROOT / "pyproject.toml", *(ROOT / "tests").glob("*.py")]:
            shutil.copy(path, self.folder / path.relative_to(ROOT))
        (self.folder / "conftest.py").write_text(CONFTEST, "utf-8")
        settings = {
            "source_paths": ["xlrec_es", "ingest"],
            "only_mutate": [self.module],
            "also_copy": ["mappings", "conftest.py"],
            "pytest_add_cli_args": ["-p", "no:cacheprovider", f"--deselect=tests/unit/{SLOW}"],
            "pytest_add_cli_args_test_selection": [f"tests/unit/{t}" for t in COVERED[self.module]],
            "use_git_change_detection": ["false"],
        }
        lines = [f"{name}=\n    " + "\n    ".join(values) for name, values in settings.items()]
        (self.folder / "setup.cfg").write_text("\n".join(["[mutmut]", *lines, ""]), "utf-8")

    def mutmut(self, *names: str) -> str:
        """Plant these faults; by a name that none has, see that the tests pass without them."""
        command = [str(self.python.folder / "bin" / "mutmut"), "run", *names]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        return str(done.stdout[-2000:] + done.stderr[-2000:])

    def mutants(self) -> list[Mutant]:
        """All that mutmut has made, but for those of texts for people."""
        module = self.module.removesuffix(".py").replace("/", ".")
        tree = ast.parse((self.folder / "mutants" / self.module).read_text("utf-8"))
        functions = {
            node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
        }
        made = []
        for name, function in functions.items():
            whose, mark, number = name.rpartition("__mutmut_")
            if not mark or not number.isdecimal():
                continue
            original = functions[f"{whose}__mutmut_orig"]
            # mutmut writes x_function, and x\u01c1Class\u01c1method.
            path = whose.removeprefix("x_").removeprefix("x\u01c1").split("\u01c1")
            original.name = function.name = path[-1]
            where = ".".join([module, *path])
            mutant = Mutant(f"{module}.{name}", where, *_difference(original, function))
            if not _differ_in_texts_alone(original, function):
                made.append(mutant)
        return made

    def survived(self, mutants: Sequence[Mutant]) -> list[Mutant]:
        """Plant these; those on which no test fails."""
        told = self.mutmut(*(mutant.name for mutant in mutants))
        path = self.folder / "mutants" / f"{self.module}.meta"
        codes = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
        if any(codes[mutant.name] is None for mutant in mutants):
            sys.exit(f"mutmut has not come to its end:\n{told}")
        return [mutant for mutant in mutants if codes[mutant.name] not in KILLED]


def _difference(original: ast.FunctionDef, changed: ast.FunctionDef) -> tuple[str, str]:
    """The lines of either that the other has not."""
    before, after = (ast.unparse(function).splitlines() for function in (original, changed))
    compared = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    was, becomes = (
        "\n".join(line[2:].strip() for line in compared if line[0] == sign) for sign in "-+"
    )
    return was, becomes


def _differ_in_texts_alone(original: ast.FunctionDef, changed: ast.FunctionDef) -> bool:
    without = [
        ast.dump(_WithoutTexts().visit(copy.deepcopy(function))) for function in (original, changed)
    ]
    return without[0] == without[1]


def mutmut_environment() -> Venv:
    """An environment that has mutmut, and sees the packages of this one."""
    key = hashlib.sha256(f"{sys.prefix} {MUTMUT}".encode()).hexdigest()[:12]
    folder = CACHE / f"mutation-{key}"
    if not (folder / "bin" / "mutmut").exists():
        for other in CACHE.glob("mutation-*"):
            shutil.rmtree(other)
        made = Venv.create(folder)
        [packages] = folder.glob("lib/python*/site-packages")
        (packages / "tests.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
        made.install(MUTMUT)
    return Venv(folder)


def equivalent() -> dict[tuple[str, str, str], str]:
    """Why no test can see these."""
    listed = json.loads(EQUIVALENT.read_text("utf-8"))
    return {(one["where"], one["was"], one["becomes"]): one["reason"] for one in listed}


def measure(module: str, *, most: int, seed: int) -> list[bench_tables.Cell]:
    """Plant faults in a module; its row in the table."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copied = Copy(Path(folder), module, mutmut_environment())
        copied.make()
        told = copied.mutmut("none")
        if "nothing matches" not in told:
            sys.exit(f"the tests of {module} do not pass without a fault:\n{told}")
        made = copied.mutants()
        drawn = random.Random(seed).sample(made, min(most, len(made)))
        left = copied.survived(drawn)
    known = equivalent()
    holes = [mutant for mutant in left if mutant.key not in known]
    for mutant in holes:
        print(json.dumps(mutant.told(), indent=2, ensure_ascii=False), flush=True)
    same, killed = len(left) - len(holes), len(drawn) - len(left)
    share = 100 * killed / ((len(drawn) - same) or 1)
    print(f"{module}: {killed} of {len(drawn)} killed, {same} equivalent", flush=True)
    return [f"`{module}`", len(made), len(drawn), killed, same, len(holes), share]


COLUMNS = {
    "module": "module",
    "faults": "faults",
    "drawn": "drawn",
    "killed": "killed",
    "equivalent": "equivalent",
    "survive": "survive",
    "share": "killed of all but the equivalent",
}


def record(rows: Mapping[str, list[bench_tables.Cell]], command: str) -> None:
    """Put rows in the place of those of the same modules."""
    commit = ["git", "rev-parse", "--short=7", "HEAD"]
    told = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {"rows": []}
    before = {str(row[0]).strip("`"): row for row in told["rows"]}
    columns: list[dict[str, Any]] = [
        {"id": name, "title": title} for name, title in COLUMNS.items()
    ]
    columns[-1]["unit"] = "%"
    result = {
        "command": command,
        "data": "faults by mutmut 3.8.1, the unit tests of each module",
        "machine": f"{os.cpu_count()} CPUs",
        "commit": subprocess.check_output(commit, cwd=ROOT, text=True).strip(),
        "date": datetime.now(UTC).date().isoformat(),
        "columns": columns,
        "rows": [row for name in COVERED if (row := rows.get(name) or before.get(name))],
        "bold": [],
    }
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="paths, as in COVERED")
    parser.add_argument("--most", type=int, default=60, help="faults of a module")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--record", action="store_true", help="write the results")
    options = parser.parse_args()
    for module in options.modules or COVERED:
        row = measure(module, most=options.most, seed=options.seed)
        if options.record:
            record({module: row}, "python tests/mutation.py --record")


if __name__ == "__main__":
    main()
