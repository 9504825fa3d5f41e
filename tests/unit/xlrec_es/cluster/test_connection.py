"""Connections: what they refuse, warn of, and never print."""

from __future__ import annotations

import pytest

from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.credentials import InsecureConnectionWarning
from xlrec_es.errors import ConfigError


@pytest.mark.parametrize(
    ("connection", "sentence"),
    [
        (Connection("https://elastic:planted@search.example:9200"), "where logs would show it"),
        (Connection("https://search.example", api_key="planted\n"), "no key has"),
        (Connection("https://search.example", api_key="plänted"), "no key has"),
        (Connection("https://search.example", ca_certs="ca.pem", insecure=True), "contradict"),
        (Connection("https://search.example", api_key=""), "the API key is empty"),
        (Connection("https://search.example", api_key=" \n"), "the API key is empty"),
        (Connection("https://search.example", username="", password=""), "user name is empty"),
        (Connection("https://search.example", username="u", password=""), "both a user name"),
        (Connection("https://a", ca_certs="ca.pem", ca_fingerprint="ab" * 32), "not both"),
        (Connection("https://a", ca_fingerprint="ab" * 31), "no SHA-256 fingerprint"),
    ],
)
def test_what_would_show_a_secret_is_refused_without_showing_it(
    connection: Connection, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        connect(connection)
    assert "nted" not in str(caught.value)


def test_a_connection_prints_no_secret_and_travels_whole() -> None:
    connection = Connection("http://a", api_key="planted-key", password="planted-password")
    assert "planted" not in repr(connection)
    assert Connection("https://a", insecure=True).as_environment()["XLREC_INSECURE"] == "1"
    assert "XLREC_INSECURE" not in connection.as_environment()


def test_an_unchecked_certificate_is_warned_of() -> None:
    with pytest.warns(InsecureConnectionWarning, match="can read and change everything"):
        connect(Connection("https://search.example", insecure=True)).close()


@pytest.mark.parametrize("secret", [{"api_key": "k"}, {"username": "u", "password": "p"}])
def test_credentials_in_the_open_are_warned_of(secret: dict[str, str]) -> None:
    with pytest.warns(InsecureConnectionWarning, match=r"credentials go to http://search.example"):
        connect(Connection("http://search.example:9200", **secret)).close()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "connection",
    [
        Connection("http://search.example:9200"),
        Connection("https://search.example:9200", api_key="k"),
        Connection("http://localhost:9200", api_key="k"),
        Connection("http://127.0.0.1:9200", api_key="k"),
        Connection("http://[::1]:9200", api_key="k"),
    ],
)
def test_what_nobody_can_read_is_not_warned_of(connection: Connection) -> None:
    connect(connection).close()  # a warning would be an error here
