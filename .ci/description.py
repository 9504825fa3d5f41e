"""The distributions' description: README, whose links lead somewhere wherever it is shown.

A package index shows README without the files beside it. Links to them and pictures among them come
from the project's repository if `[project.urls]` names it as `Repository`; if not, only the text of
a link is kept, and what a picture shows is said.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?<!!)\[([^][]*)\]\((?!https?:|#)([^()\s]+)\)")
_THEMES = re.compile(r"<picture>.*?(<img\b[^>]*>)\s*</picture>", re.S)
_PICTURE = re.compile(r'<img\b(?=[^>]*\salt="([^">]*)")[^>]*\ssrc="(?!https?:)([^">]*)"[^>]*>')


class DescriptionHook(MetadataHookInterface):
    """Sets `readme`, which pyproject.toml therefore declares as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Have the description in the metadata."""
        repository = metadata.get("urls", {}).get("Repository")
        text = standalone(Path(self.root, "README.md").read_text("utf-8"), repository)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def standalone(readme: str, repository: str | None) -> str:
    """README without relative links, and with each picture as it is for light pages."""
    text = _THEMES.sub(r"\1", readme)
    if repository is None:
        return _LINK.sub(r"\1", _PICTURE.sub(r"*Picture: \1*", text))
    text = _PICTURE.sub(rf'<img alt="\1" src="{repository}/raw/main/\2">', text)
    return _LINK.sub(rf"[\1]({repository}/blob/main/\2)", text)
