"""Vega, Vega-Lite and the interpreter of a Kibana, run by Node.js without its compiler of texts."""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients import npm_packages, program

VERSIONS = {
    # Before kibana#220909, the lowest that its package.json allows.
    "8.19.0": {"vega": "5.26.0", "vega-lite": "5.5.0", "vega-interpreter": "1.0.4"},
    # kibana#220909, and from 8.19.7 on with this interpreter.
    "8.19.7": {"vega": "5.33.0", "vega-lite": "5.21.0", "vega-interpreter": "1.2.1"},
    # kibana#238618 and #245462, which later releases of 8.19 and 9.1 have, too.
    "9.5": {"vega": "6.2.0", "vega-lite": "6.4.1", "vega-interpreter": "2.2.1"},
}
"""What Kibana has, by its versions."""

# Kibana has expressions parsed and interpreted: its content security policy forbids what Vega does
# elsewhere, to make functions of texts. The option of `node` forbids it, too.
_PROGRAM = """
import {readFileSync} from 'node:fs';
import * as vega from 'vega';
import * as vegaLite from 'vega-lite';
import {expressionInterpreter} from 'vega-interpreter';

const {interprets, specs} = JSON.parse(readFileSync(0, 'utf8'));
const drawn = {};
for (const [name, spec] of Object.entries(specs)) {
  const warnings = [];
  const logger = vega.logger(vega.Warn);
  for (const level of ['warn', 'error']) {
    logger[level] = (...words) => { warnings.push(words.join(' ')); return logger; };
  }
  const isLite = spec.$schema.includes('vega-lite');
  const whole = isLite ? vegaLite.compile(spec, {logger}).spec : spec;
  const runtime = vega.parse(whole, {}, {ast: interprets});
  const expr = interprets ? expressionInterpreter : undefined;
  const view = new vega.View(runtime, {expr, logger, renderer: 'none'});
  drawn[name] = {warnings, svg: await view.toSVG()};
}
console.log(JSON.stringify(drawn));
"""
_MARK = re.compile(r'<(?:path|text)[^>]*? aria-label="([^"]*)" role="graphics-symbol"')


@dataclass(frozen=True)
class Drawn:
    """A picture.

    Attributes:
        warnings: Of Vega and Vega-Lite.
        marks: What each mark tells a reader of screens.
    """

    warnings: list[str]
    marks: list[dict[str, str]]


@dataclass(frozen=True)
class Libraries:
    """The packages of one Kibana, in a folder."""

    folder: Path

    @classmethod
    def installed(cls, folder: Path, versions: Mapping[str, str]) -> Libraries:
        """Have npm install them."""
        npm_packages(folder, versions)
        (folder / "draw.js").write_text(_PROGRAM)
        return cls(folder)

    def draw(self, specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Drawn]:
        """Draw specifications, by name."""
        done = self.run(specs)
        assert done.returncode == 0, done.stderr
        return {
            name: Drawn(one["warnings"], [_values(text) for text in _MARK.findall(one["svg"])])
            for name, one in json.loads(done.stdout).items()
        }

    def run(
        self, specs: Mapping[str, Mapping[str, Any]], *, interprets: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """The same as a process.

        Args:
            specs: Specifications, by name.
            interprets: Whether as Kibana does, and not as Vega does elsewhere.
        """
        return subprocess.run(
            [program("node"), "--disallow-code-generation-from-strings", "draw.js"],
            input=json.dumps({"interprets": interprets, "specs": specs}),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def _values(label: str) -> dict[str, str]:
    """Of `documents: 3; language: de`."""
    parts = (part.partition(": ") for part in html.unescape(label).split("; "))
    return {name: value for name, _, value in parts}
