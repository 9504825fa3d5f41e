"""The distributions' description: README, whose links lead somewhere wherever it is shown.

A package index shows README without the files beside it. Links to them lead into the project's
repository if `[project.urls]` names it as `Repository`; if not, only their text is kept.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?<!!)\[([^][]*)\]\((?!https?:|#)([^()\s]+)\)")


class DescriptionHook(MetadataHookInterface):
    """Sets `readme`, which pyproject.toml therefore declares as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Have the description in the metadata."""
        repository = metadata.get("urls", {}).get("Repository")
        text = standalone(Path(self.root, "README.md").read_text("utf-8"), repository)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def standalone(readme: str, repository: str | None) -> str:
    """README without relative links."""
    shown = rf"[\1]({repository}/blob/main/\2)" if repository else r"\1"
    return _LINK.sub(shown, readme)
