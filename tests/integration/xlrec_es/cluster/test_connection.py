from __future__ import annotations

import base64
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import ClusterError, ConfigError


def test_passwords_in_any_script_arrive_as_utf_8() -> None:
    """What is on the wire is looked at, for a server says no more than yes or no."""
    seen = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        connection = Connection(
            f"http://127.0.0.1:{server.server_port}", username="änne", password="пароль:日本"
        )
        with (
            connect(connection, max_retries=0) as client,
            pytest.raises(ClusterError),
            friendly_errors(client),
        ):
            client.indices.get(index="a")
        thread.join()
    kind, _, value = seen[0].partition(" ")
    assert (kind, base64.b64decode(value).decode()) == ("Basic", "änne:пароль:日本")


def test_secrets_are_not_in_what_is_printed() -> None:
    connection = Connection("http://es", api_key="planted-key")
    assert "planted" not in repr(connection)
    assert "planted" not in repr(Connection("http://es", username="u", password="planted-word"))
    assert connection.as_environment()["XLREC_API_KEY"] == "planted-key"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_key": "k", "username": "u", "password": "p"}, "not both"),
        ({"username": "u"}, "both a user name and a password"),
        ({"password": "p"}, "both a user name and a password"),
        ({"ca_certs": "/nowhere.pem"}, "no certificate file"),
    ],
)
def test_options_that_contradict_each_other_are_named(
    options: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        connect(Connection("https://127.0.0.1:9", **options))
