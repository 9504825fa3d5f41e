"""Options that say what is exported: of which indices, and with which links and pictures."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xlrec_es.cli.options.shared import index_option
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from xlrec_es.kibana.saved_objects import SavedObject

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Contents:
    """What the objects are of.

    Attributes:
        index: Alias of the catalog.
        evaluations: Index of evaluations, or None.
        shown: Index of the lists that users were shown, or None.
        clicks: Index of what users did, or None.
        runs: Index of runs, or None.
        links: Fields with links, as `Address.parse` takes them.
        pictures: Fields with pictures.
    """

    index: str
    evaluations: str | None
    shown: str | None
    clicks: str | None
    runs: str | None
    links: tuple[str, ...]
    pictures: tuple[str, ...]

    def objects(self, connection: Connection) -> list[SavedObject]:
        """Look at the indices, and make the objects.

        Args:
            connection: To the cluster.

        Raises:
            UsageError: A link or a picture is none.
            XlrecError: The catalog cannot be looked at.
        """
        from xlrec_es.kibana import bundle
        from xlrec_es.kibana.check import absent_of
        from xlrec_es.kibana.data_views import Address
        from xlrec_es.kibana.indices import Indices

        addresses = [
            *(Address.parse(text) for text in self.links),
            *(Address.parse(text, is_picture=True) for text in self.pictures),
        ]
        with contextlib.closing(connect(connection)) as client:
            found = bundle.read_catalog(client, self.index, addresses)
            rejects = bundle.rejects_of(client, self.runs)
            for name, command in self._others():
                if absent_of(client, name):
                    echo(
                        f"Warning: there is no index {name} yet, and its panels are empty until "
                        f"there is; make it with: {command}",
                        err=True,
                    )
        names = Indices(self.index, self.evaluations, self.shown, self.clicks, self.runs, rejects)
        return bundle.objects(names, found)

    def _others(self) -> Iterator[tuple[str, str]]:
        """The other indices that were named, with the commands that make them."""
        for name, command in (
            (self.evaluations, "xlrec-es evaluate INTERACTIONS -i {} --write-to {}"),
            (self.shown, "xlrec-es serve -i {} --impressions-index {}"),
            (self.clicks, "xlrec-es serve -i {} --events-index {}"),
            (self.runs, "xlrec-ingest run CATALOG -i {} --write-to {}"),
        ):
            if name is not None:
                yield name, command.format(self.index, name)


def contents_options(*, required: bool) -> Callable[[F], F]:
    """Give a command these options; it receives them as `contents`.

    Args:
        required: Whether there must be an index; without one, `contents` is None.
    """

    def decorated(command: F) -> F:
        @index_option("Alias of the catalog.", required=required)
        @click.option(
            "--evaluations", metavar="INDEX", help="Index that evaluate --write-to adds to."
        )
        @click.option("--shown", metavar="INDEX", help="Index of the lists that users were shown.")
        @click.option("--clicks", metavar="INDEX", help="Index of what users did.")
        @click.option(
            "--runs",
            metavar="INDEX",
            help="Index that xlrec-ingest run --write-to adds to; INDEX-rejects has the rejected "
            "records.",
        )
        @click.option(
            "--link",
            "links",
            multiple=True,
            metavar="FIELD[=TEMPLATE]",
            help="Your field with an item's address, shown as a link; or with a part of it, which "
            "a TEMPLATE such as https://shop.example/{{value}} completes. Repeatable.",
        )
        @click.option(
            "--image",
            "pictures",
            multiple=True,
            metavar="FIELD[=TEMPLATE]",
            help="Your field with a picture's address, shown as a picture; as --link. Repeatable.",
        )
        @functools.wraps(command)
        def wrapper(
            *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
            index: str | None,
            evaluations: str | None,
            shown: str | None,
            clicks: str | None,
            runs: str | None,
            links: tuple[str, ...],
            pictures: tuple[str, ...],
            **kwargs: Any,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            contents = None
            if index is not None:
                contents = Contents(index, evaluations, shown, clicks, runs, links, pictures)
            return command(*args, contents=contents, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorated
