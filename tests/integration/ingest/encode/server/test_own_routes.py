"""The protocol of earlier versions: their query sides go on asking, and their servers answering."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request

import numpy as np
import pytest

from encoder_service import Letters, serving
from xlrec_es.vectors.vector import Vector

TOKEN = "only-for-this-test"


class FirstClient:
    """What `RemoteEncoder` of the first version sent and read; its checks are left out."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        told = self._ask("/encoder", None)
        names = ("model", "revision", "pooling", "prefix", "dims", "max_tokens")
        self.told = {name: told[name] for name in names}

    def encode(self, texts: list[str]) -> Vector:
        packed = self._ask("/encode", {"texts": texts})["vectors"]
        return np.stack([np.frombuffer(base64.b64decode(row), "<f4") for row in packed])

    def _ask(self, path: str, body: dict[str, list[str]] | None) -> dict[str, list[str]]:
        request = urllib.request.Request(
            self._url + path, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: dict[str, list[str]] = json.loads(response.read())
        return answer


def test_the_first_client_is_answered() -> None:
    with serving(token=TOKEN) as service:
        client = FirstClient(service.url, TOKEN)
        assert client.told == {name: getattr(Letters, name) for name in client.told}
        texts = ["board games", "ゲーム a"]
        np.testing.assert_array_equal(client.encode(texts), Letters().encode(texts))
        with pytest.raises(urllib.error.HTTPError, match="500"):
            client.encode(["fail"])
        with pytest.raises(urllib.error.HTTPError, match="401"):
            FirstClient(service.url, "another-wrong-token")
