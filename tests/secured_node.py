"""A node with security and TLS, and keys of each kind for an index `shop`."""

from __future__ import annotations

import time
from dataclasses import replace

import elasticsearch
from click.testing import CliRunner, Result

import ingest.cli.main
import xlrec_es.cli.main
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.cluster.roles import ROLES, descriptor, role_name

SETTINGS = {"xpack.security.enabled": "true", "xpack.security.http.ssl.enabled": "true"}
OTHERS = ("shopping", "shop2", "other", "other-xlrec-v1")


class Secured:
    """The node: its superuser, and keys of each kind for the index `shop`."""

    def __init__(self, superuser: Connection) -> None:
        self.connection = superuser
        self.client = connect(superuser)
        self.keys = {kind: self._make_key(kind) for kind in ROLES}

    def _make_key(self, kind: str) -> str:
        deadline = time.monotonic() + 90
        while True:  # until its own index of users is there, the node answers 503
            try:
                role = {role_name(kind, ["shop"]): descriptor(kind, ["shop"])}
                made = self.client.security.create_api_key(name=kind, role_descriptors=role)
                return str(made["encoded"])
            except elasticsearch.ApiError as error:
                if error.status_code != 503 or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def as_(self, kind: str) -> Connection:
        """The connection of whoever has a key of this kind."""
        return replace(self.connection, username=None, password=None, api_key=self.keys[kind])

    def run(self, kind: str, *arguments: str, **variables: str) -> Result:
        """`xlrec-es` with a key of this kind."""
        return CliRunner().invoke(
            xlrec_es.cli.main.main, arguments, env=self._environment(kind) | variables
        )

    def ingest(self, kind: str, *arguments: str, **variables: str) -> Result:
        """`xlrec-ingest` with a key of this kind."""
        return CliRunner().invoke(
            ingest.cli.main.main, arguments, env=self._environment(kind) | variables
        )

    def _environment(self, kind: str) -> dict[str, str]:
        return {**self.as_(kind).as_environment(), "COLUMNS": "200"}


def delete_shop(secured: Secured) -> None:
    """Delete every version of the index `shop`."""
    for index in secured.client.indices.get(index="shop-xlrec-v*", expand_wildcards="all"):
        secured.client.indices.delete(index=index)


def good(result: Result) -> str:
    """What a command printed that ended well."""
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def leaks(secured: Secured, text: str) -> list[str]:
    """The secrets that a text shows, as they are and as the header carries them."""
    secrets = {**secured.keys, "password": str(secured.connection.password)}
    return [name for name, secret in secrets.items() if secret in text]
