"""The console that tables go to: it prints texts of others as they are, and obeys none of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment
from rich.text import Text

from xlrec_es.visible_text import visible


class Console(rich.console.Console):  # noqa: TID251 - the one place
    """Rich's console without markup and emoji codes, and with control characters written out.

    What is to be bold is a `Text` with a style: a title such as `[red]` or `:heart:` stays one.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401
        """See `rich.console.Console.render_str`."""
        return super().render_str(visible(text), **options)

    def render(self, *args: Any, **options: Any) -> Iterable[Segment]:  # noqa: ANN401
        """See `rich.console.Console.render`; what came as a `Text` is made visible here."""
        for segment in super().render(*args, **options):
            if segment.control is None and (text := visible(segment.text)) != segment.text:
                yield Segment(text, segment.style)
            else:
                yield segment
