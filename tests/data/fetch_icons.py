"""Fetch the icons of the sample's applications, by Debian's own apt; nothing is installed.

    python tests/data/fetch_icons.py FOLDER

Writes `FOLDER/icons/` and `FOLDER/items.jsonl`: the sample with the path of each icon. Debian gives
icons of 64 x 64 pixels with the AppStream catalog that the sample's texts are from (DEP-11). Each
icon has the license of its package, so none of them is in this repository.

Source: https://wiki.debian.org/AppStream and apt-config-icons, whose settings these are.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

SAMPLE = Path(__file__).parents[2] / "xlrec_es" / "sample" / "items.jsonl.gz"
SUITE, ARCHIVE = "bookworm", "http://deb.debian.org/debian"
SETTINGS = """
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
Dir "{root}";
Dir::Etc::sourceparts "none";
Dir::Etc::trusted "/usr/share/keyrings/debian-archive-keyring.gpg";
Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Packages::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11 {{
  MetaKey "$(COMPONENT)/dep11/Components-$(NATIVE_ARCHITECTURE).yml";
  ShortDescription "Components-$(NATIVE_ARCHITECTURE)";
  Description "$(RELEASE)/$(COMPONENT) $(NATIVE_ARCHITECTURE) DEP-11 Metadata";
  KeepCompressed "true";
  KeepCompressedAs "gz";
}};
Acquire::IndexTargets::deb::DEP-11-icons {{
  MetaKey "$(COMPONENT)/dep11/icons-64x64.tar";
  ShortDescription "icons-64x64";
  Description "$(RELEASE)/$(COMPONENT) DEP-11 64x64 Icons";
  KeepCompressed "true";
  KeepCompressedAs "gz";
}};
"""


def fetch(root: Path) -> tuple[Path, Path]:
    """Have apt fetch the catalog and the icons into a root of its own, signatures checked."""
    for folder in ("etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/cache/apt/archives"):
        (root / folder / "partial").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    (root / "etc/apt/sources.list").write_text(f"deb {ARCHIVE} {SUITE} main\n")
    settings = root / "apt.conf"
    settings.write_text(SETTINGS.format(root=root))
    environment = {**os.environ, "APT_CONFIG": str(settings)}
    subprocess.run(["apt-get", "update", "-q"], env=environment, check=True)
    lists = root / "var/lib/apt/lists"
    [catalog] = lists.glob("*_Components-amd64.yml.gz")
    [icons] = lists.glob("*icons-64x64.tar.gz")
    return catalog, icons


def icon_names(catalog: Path) -> Iterator[tuple[str, str]]:
    """Of each application its id, and the name of its icon in the archive.

    The catalog is YAML of 60 MB, of which these lines are all that is wanted.
    """
    for document in gzip.decompress(catalog.read_bytes()).decode().split("\n---\n"):
        id_ = re.search(r"^ID: (\S+)$", document, re.M)
        icon = re.search(r"^  cached:\n(?:  - .*\n(?:    .*\n)*?)*?  - name: (\S+)", document, re.M)
        if id_ and icon:
            yield id_[1].removesuffix(".desktop"), icon[1].strip("'\"")


def main(folder: Path) -> None:
    """Fetch, and write the catalog that names the icons."""
    (folder / "icons").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as root:
        catalog, archive = fetch(Path(root).resolve())
        names = dict(icon_names(catalog))
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive.read_bytes()))) as tar:
            files = {
                Path(member.name).name: tar.extractfile(member).read()  # type: ignore[union-attr]
                for member in tar
                if member.isfile()
            }
    lines, found = [], 0
    for line in gzip.decompress(SAMPLE.read_bytes()).decode().splitlines():
        record = json.loads(line)
        data = files.get(names.get(record["id"], ""))
        if data is not None:
            found += 1
            (folder / "icons" / f"{record['id']}.png").write_bytes(data)
            record["icon"] = f"{record['id']}.png"
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    (folder / "items.jsonl").write_text("".join(lines), "utf-8")
    print(f"{found} of {len(lines)} applications have an icon")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
