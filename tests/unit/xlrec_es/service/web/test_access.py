"""Tokens, names and pages."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from xlrec_es.errors import ConfigError
from xlrec_es.service.web.access import AccessRules, Token, read_tokens

PLAIN = "a" * 32


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    return path


def test_a_file_may_hold_tokens_or_their_digests(tmp_path: Path) -> None:
    digest = hashlib.sha256(PLAIN.encode()).hexdigest()
    path = written(
        tmp_path,
        f'[[token]]\nname = "a"\ntoken = "{PLAIN}"\n'
        f'[[token]]\nname = "b"\nscopes = ["read"]\nsha256 = "{digest}"\n',
    )
    whole, reader = read_tokens(path)
    assert whole.digest == reader.digest == hashlib.sha256(PLAIN.encode()).digest()
    assert (whole.scopes, reader.scopes) == ({"read", "events"}, {"read"})
    assert PLAIN not in repr(whole)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no \\[\\[token\\]\\] table"),
        ("[[token]]\nname = 'a'\ntoken = 'short'", "'a' is shorter than 16"),
        (f"[[token]]\ntoken = '{PLAIN}'", "name"),
        (
            f"[[token]]\nname = 'a'\ntoken = '{PLAIN}'\nscopes = ['all']",
            "must be of read, events, admin",
        ),
        (f"[[token]]\nname = 'a'\ntoken = '{PLAIN}'\nscopes = 'read'", "must be a list"),
        (f"[[token]]\nname = 'a'\ntoken = '{PLAIN}'\nscope = 1", "has no 'scope'"),
        ("[[token]]\nname = 'a'\nsha256 = 'abcd'", "64 hexadecimal digits"),
        (f"[[token]]\nname = 'a'\ntoken = '{PLAIN}'\n" * 2, "two tokens of one name"),
        ("token = ", "cannot read"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_without_the_token(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        read_tokens(written(tmp_path, text))
    assert PLAIN not in str(caught.value)


def test_what_changes_lists_for_all_must_be_named(tmp_path: Path) -> None:
    table = f'[[token]]\nname = "a"\ntoken = "{PLAIN}"\n'
    [unsaid] = read_tokens(written(tmp_path, table))
    [named] = read_tokens(written(tmp_path, f'{table}scopes = ["admin"]\n'))
    assert (unsaid.scopes, named.scopes) == ({"read", "events"}, {"admin"})
    assert Token.of("one for everything", PLAIN).scopes == {"read", "events", "admin"}


def test_others_can_reach_it_with_a_token_alone() -> None:
    with pytest.raises(ConfigError, match="give a token"):
        AccessRules("0.0.0.0")
    AccessRules("::1")
    AccessRules("0.0.0.0", (Token.of("a", PLAIN),))


def test_the_longest_path_says_which_scope_is_needed() -> None:
    rules = AccessRules("127.0.0.1", scopes={"/v1": "read", "/v1/events": "events"})
    assert rules.needed("/v1/recommend") == "read"
    assert rules.needed("/v1/events") == rules.needed("/v1/events/") == "events"
    assert rules.needed("/v1/events-of-others") == "read"
    assert rules.needed("/v10") is rules.needed("/") is None


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("127.0.0.1:9700", True),
        ("localhost", True),
        ("[::1]:9700", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("localhost@evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_without_tokens_it_goes_by_names_of_this_machine(host: str, served: bool) -> None:
    assert AccessRules("127.0.0.1").serves(host) is served
