"""What a run is asked to do with pictures, as plain data; neither Pillow nor torch here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from xlrec_es.errors import ConfigError

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/@:?#\[\]]+)(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """Where pictures are, and what encodes them.

    Attributes:
        field: Path of the field that has an item's picture: a path below `root`, an address, a
            `data:` URL or Base64.
        model: A folder, or a name on the Hugging Face hub.
        root: Folder that paths are relative to; None: paths are refused.
        hosts: `HOST` or `HOST:PORT` that pictures may be fetched from. An address of a private
            network must be among them itself, beside its name.
        revision: Branch, tag or commit of a model of the hub; None for its main branch.
        device: See `ingest.encode.options.check_device`.
    """

    field: str
    model: str
    root: Path | None = None
    hosts: tuple[str, ...] = ()
    revision: str | None = None
    device: str = "auto"

    @classmethod
    def chosen(
        cls,
        field: str | None,
        model: str | None,
        *,
        root: Path | None,
        hosts: tuple[str, ...],
        revision: str | None,
        device: str,
    ) -> ImageOptions | None:
        """Combine what was said; None where nothing was said of pictures.

        Raises:
            ConfigError: It contradicts itself.
        """
        if field is None:
            given = {
                "--image-model": model,
                "--image-root": root,
                "--image-host": hosts,
                "--image-revision": revision,
            }
            if idle := [name for name, value in given.items() if value]:
                raise ConfigError(f"{idle[0]} is for pictures; name their field with --image")
            return None
        if model is None:
            raise ConfigError("--image needs --image-model: a folder, or a name on the hub")
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ConfigError(
                    f"--image-host {host!r} is no host; give a name or an address, such as "
                    "cdn.example.com or 10.0.0.7:8080"
                )
        if root is not None and not root.is_dir():
            raise ConfigError(f"--image-root {root} is no folder")
        return cls(field, model, root, tuple(host.lower() for host in hosts), revision, device)
