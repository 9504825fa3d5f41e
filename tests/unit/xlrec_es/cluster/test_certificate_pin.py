"""Servers that are told apart by the fingerprint of their authority, over real sockets."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
from collections.abc import Iterator

import elasticsearch
import pytest
from elasticsearch import Elasticsearch

from tls_server import CERTIFICATES, FINGERPRINT, TlsServer, tls_server
from xlrec_es.cluster.certificate_pin import PinnedContext, parse_fingerprint
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import ClusterUnreachable, ConfigError


@contextlib.contextmanager
def client_of(url: str, fingerprint: str = FINGERPRINT) -> Iterator[Elasticsearch]:
    """A client with a key, whose errors are this project's."""
    connection = Connection(url, api_key="planted-key", ca_fingerprint=fingerprint, timeout_s=10)
    with contextlib.closing(connect(connection, max_retries=0)) as client, friendly_errors(client):
        yield client


@pytest.mark.parametrize("form", [FINGERPRINT, FINGERPRINT.upper()])
def test_the_authority_with_the_fingerprint_vouches_for_its_servers(form: str) -> None:
    with_colons = ":".join(form[at : at + 2] for at in range(0, len(form), 2))
    with tls_server("server") as server, client_of(server.url, with_colons) as client:
        assert server.connections == 0, "nothing is fetched before it is needed"
        for _ in range(3):
            client.info()
        assert server.headers == ["ApiKey planted-key"] * 3
        assert server.connections == 4, "the authority is fetched once"


def test_an_impostor_with_the_real_authority_behind_it_is_told_nothing() -> None:
    with tls_server("impostor") as server:
        with pytest.raises(ClusterUnreachable, match="certificate verify failed"):
            ask(server)
        assert server.connections == 2
        assert server.headers == []


def test_a_new_certificate_of_the_authority_is_trusted_and_no_other_later_on() -> None:
    with tls_server("server") as server, client_of(server.url) as client:
        client.info()
        server.show("impostor")
        with pytest.raises(elasticsearch.SSLError):
            client.info()
        server.show("successor")
        client.info()
        assert len(server.headers) == 2


def test_a_server_that_does_not_send_its_authority_is_named_and_what_to_do() -> None:
    with tls_server("server") as server:
        with pytest.raises(ClusterUnreachable, match=r"none of the 2 certificates .* --ca-certs"):
            ask(server, "ab" * 32)
        assert server.headers == []


@pytest.mark.parametrize("number", [0, 1], ids=["the server's", "the authority's"])
def test_any_certificate_that_is_sent_may_be_pinned(number: int) -> None:
    sent = (CERTIFICATES / "server.pem").read_text().split("-----BEGIN CERTIFICATE-----")[1:]
    pem = "-----BEGIN CERTIFICATE-----" + sent[number]
    pinned = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()
    with tls_server("server") as server:
        ask(server, pinned)
        assert server.headers == ["ApiKey planted-key"]
        server.show("impostor")
        with pytest.raises(ClusterUnreachable):
            ask(server, pinned)
        assert len(server.headers) == 1


def test_the_name_of_the_server_is_verified_too() -> None:
    context = PinnedContext.for_fingerprint(FINGERPRINT)
    with (
        tls_server("server") as server,
        socket.create_connection(server.server_address[:2]) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
    ):
        context.wrap_socket(plain, server_hostname="search.example")


def test_no_other_authority_is_trusted_beside_it() -> None:
    with tls_server("server") as server, client_of(server.url) as client:
        client.info()
        [node] = client.transport.node_pool.all()
        assert node.pool.conn_kw["ssl_context"].cert_store_stats()["x509"] == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", ["", "ab" * 31, "zz" * 32, "ab" * 20])
def test_what_is_no_fingerprint_is_named(wrong: str) -> None:
    with pytest.raises(ConfigError, match="SHA-256 fingerprint"):
        parse_fingerprint(wrong)


def ask(server: TlsServer, fingerprint: str = FINGERPRINT) -> None:
    """Ask anything once."""
    with client_of(server.url, fingerprint) as client:
        client.info()
