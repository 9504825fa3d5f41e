"""The page of `xlrec-es demo --open`: the service of the demo's index, in a browser."""

from __future__ import annotations

import contextlib
import threading
import webbrowser
from collections.abc import Mapping, Sequence
from typing import Protocol

from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection
from xlrec_es.demo import INDEX
from xlrec_es.errors import MissingExtra


class ShowsPage(Protocol):
    """Shows the page until Ctrl-C."""

    def __call__(self, connection: Connection, samples: Mapping[str, Sequence[str]]) -> None:
        """Serve it on a free port, say where, and open a browser.

        Args:
            connection: Of the cluster that has the demo's index.
            samples: Histories to try, by a name.
        """


def page_server() -> ShowsPage:
    """What shows the page; asked for before a node is started, which takes a while.

    Raises:
        MissingExtra: The service's packages are not installed.
    """
    try:
        from xlrec_es.service.application import SCOPES, UNLIMITED, Application
        from xlrec_es.service.settings import Settings
        from xlrec_es.service.web import server
        from xlrec_es.service.web.access import AccessRules
        from xlrec_es.service.web.limits import Limits
    except ImportError as error:
        raise MissingExtra.named("serve", "the page of the demo") from error

    def show(connection: Connection, samples: Mapping[str, Sequence[str]]) -> None:
        listening = server.Address(port=0).listen()
        url = server.url_of(listening)
        settings = Settings(
            indices=(INDEX,),
            connection=connection,
            access=AccessRules("127.0.0.1", scopes=SCOPES),
            limits=Limits(unlimited=UNLIMITED),
            timeout_s=connection.timeout_s,
            samples=samples,
        )
        echo(f"\nThe page is at {url} until you press Ctrl-C.")
        # In a thread: where only a browser for terminals is there, this lasts as long as it runs.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve(Application(settings), listening)

    return show
