"""What Kibana, or whatever else is at the address, answers becomes one sentence with the fix."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_kibana import FakeKibana, Handler
from served import served
from tls_server import CERTIFICATES, FINGERPRINT, TlsServer
from xlrec_es.cluster.connection import Connection
from xlrec_es.credentials import InsecureConnectionWarning
from xlrec_es.errors import ConfigError, KibanaError
from xlrec_es.kibana.server import Kibana


@pytest.fixture
def fake() -> Iterator[FakeKibana]:
    server = FakeKibana("shop")
    with served(server):
        yield server


def refusal(url: str, *, space: str = "shop", **connection: str) -> str:
    with pytest.raises(KibanaError) as caught:
        Kibana(Connection(url, **connection), space=space).find_space()  # type: ignore[arg-type]
    return str(caught.value)


def test_a_space_is_asked_for_under_its_own_address(fake: FakeKibana) -> None:
    assert Kibana(Connection(f"{fake.url}/"), space="shop").find_space() == "Shop"
    assert Kibana(Connection(fake.url)).find_space() == "Default"
    shop, default = fake.asked
    assert shop.path == "/s/shop/api/spaces/space/shop"
    assert default.path == "/api/spaces/space/default"
    assert "Authorization" not in shop.headers


@pytest.mark.parametrize(
    ("who", "sent"),
    [
        ({"api_key": "a2V5"}, "ApiKey a2V5"),
        ({"username": "ann", "password": "grün"}, "Basic YW5uOmdyw7xu"),
    ],
)
def test_it_says_who_asks(fake: FakeKibana, who: dict[str, str], sent: str) -> None:
    fake.writers = {sent}
    Kibana(Connection(fake.url, **who), space="shop").find_space()  # type: ignore[arg-type]
    assert fake.asked[0].headers["Authorization"] == sent


def test_wrong_credentials_and_none(fake: FakeKibana) -> None:
    fake.writers = {"ApiKey right"}
    wrong = refusal(fake.url, api_key="d3Jvbmc=")
    assert "does not accept the credentials" in wrong
    assert "unable to authenticate" in wrong
    assert "\n" not in wrong
    assert "d3Jvbmc=" not in wrong
    assert refusal(fake.url).endswith(
        "wants credentials; set XLREC_API_KEY, or XLREC_USERNAME and XLREC_PASSWORD, of a user of "
        "its Elasticsearch"
    )


def test_a_space_that_is_not_there(fake: FakeKibana) -> None:
    told = refusal(fake.url, space="cellar")
    assert told == (
        f"Kibana at {fake.url} has no space cellar; make it under Stack Management > Spaces, or "
        "name another with --space"
    )


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (503, "Kibana server is not ready yet.", "is not ready (Kibana server is not ready yet.)"),
        (302, "", "sends elsewhere"),
        (403, '{"message": "Unauthorized to get shop space"}', "xlrec-es role kibana --space shop"),
        (500, '{"message": "An internal server error occurred"}', "answers 500: An internal"),
        (418, "", "answers 418: 418"),
    ],
)
def test_other_answers(fake: FakeKibana, status: int, body: str, sentence: str) -> None:
    def fault(handler: Handler) -> None:
        handler.say(status, body, Location="http://127.0.0.1:1/")

    fake.fault = fault
    told = refusal(fake.url)
    assert sentence in told
    assert told.startswith(f"Kibana at {fake.url} ")


@pytest.mark.parametrize("status", [200, 400, 401, 404, 503])
def test_elasticsearch_in_place_of_kibana(fake: FakeKibana, status: int) -> None:
    def fault(handler: Handler) -> None:
        handler.say(status, "{}", kibana=False, **{"X-Elastic-Product": "Elasticsearch"})

    fake.fault = fault
    assert refusal(fake.url).startswith(
        f"{fake.url} is the address of Elasticsearch; give Kibana's"
    )


@pytest.mark.parametrize(
    ("status", "body"), [(404, "nothing here"), (200, "<html>Welcome</html>"), (200, '{"id": 7}')]
)
def test_neither_of_them(fake: FakeKibana, status: int, body: str) -> None:
    fake.fault = lambda handler: handler.say(status, body, kibana=False)
    assert refusal(fake.url).startswith(f"what answers at {fake.url} is no Kibana")


def test_nobody_is_there() -> None:
    server = FakeKibana()
    server.server_close()
    told = refusal(server.url)
    assert told.startswith(f"no Kibana answers at {server.url} (")
    assert told.endswith("check --kibana-url (XLREC_KIBANA_URL), usually port 5601")


def test_an_answer_that_takes_too_long(fake: FakeKibana) -> None:
    fake.fault = lambda handler: handler.connection.recv(1)  # until the asker hangs up
    with pytest.raises(KibanaError, match=r"not answer within 0\.2 seconds; .*--timeout"):
        Kibana(Connection(fake.url, timeout_s=0.2)).find_space()


class Silent(socketserver.ThreadingTCPServer):
    """Hangs up on everybody, as a server that speaks TLS alone does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)


def test_http_to_a_server_of_another_protocol() -> None:
    server = Silent()
    with served(server):
        told = refusal(f"http://127.0.0.1:{server.server_address[1]}")
    assert "begin its address with https://" in told


def test_tls_to_a_server_that_speaks_none(fake: FakeKibana) -> None:
    assert "begin its address with http://" in refusal(fake.url.replace("http:", "https:"))


def test_a_certificate_that_nobody_vouches_for() -> None:
    server = TlsServer()
    server.show("server")
    with served(server):
        told = refusal(server.url)
        assert "is not trusted" in told
        assert "--kibana-ca-certs" in told
        # Beyond TLS, that server is Elasticsearch.
        trusted = refusal(server.url, ca_certs=str(CERTIFICATES / "authority.pem"))
        assert "is the address of Elasticsearch" in trusted
        with pytest.warns(InsecureConnectionWarning, match="certificate is not checked"):
            kibana = Kibana(Connection(server.url, insecure=True))
        with pytest.raises(KibanaError, match="is the address of Elasticsearch"):
            kibana.find_space()
        server.show("impostor")
        assert "is not trusted" in refusal(server.url, ca_certs=str(CERTIFICATES / "authority.pem"))
        assert "none of the" in refusal(server.url, ca_fingerprint=FINGERPRINT.replace("a", "b"))


def test_a_file_of_no_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(ConfigError, match=r"no file of certificates \(PEM\)"):
        Kibana(Connection("https://kibana.example", ca_certs=str(tmp_path / "ca.pem")))


@pytest.mark.parametrize(
    ("url", "space", "sentence"),
    [
        ("kibana:5601", "default", "must begin with http"),
        ("http://ann:secret@kibana:5601", "default", "user name"),
        ("http://127.0.0.1:5601/s/shop/app/dashboards", "default", "--space"),
        ("http://127.0.0.1:5601/kibana/app/home", "default", "leave out the path"),
        ("http://127.0.0.1:5601", "My Shop", "no identifier of a space"),
        ("http://127.0.0.1:5601", "../api", "no identifier of a space"),
    ],
)
def test_what_cannot_be_asked(url: str, space: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        Kibana(Connection(url), space=space)
    assert "secret" not in str(caught.value)


def test_a_path_that_kibana_is_served_under() -> None:
    kibana = Kibana(Connection("http://127.0.0.1:5601/apps-and-more/"), space="shop")
    assert kibana.address("/app") == "http://127.0.0.1:5601/apps-and-more/s/shop/app"


def test_credentials_in_the_open_are_warned_of() -> None:
    with pytest.warns(InsecureConnectionWarning, match="in the open"):
        Kibana(Connection("http://kibana.example:5601", api_key="a2V5"))
