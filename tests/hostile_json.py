"""JSON that nobody writes by accident, and bytes that are nearly JSON."""

from __future__ import annotations

from hypothesis import strategies as st


def nested(levels: int, inner: str = "1", *, begin: str = "[", end: str = "]") -> str:
    """Lists in one another, or whatever begins and ends so."""
    return begin * levels + inner + end * levels


_DIGITS = st.integers(1, 1100).flatmap(
    lambda length: st.builds(
        lambda digits: (digits * length)[:length], st.text("0123456789", min_size=1, max_size=9)
    )
)
_NUMBERS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "-"]),
        st.one_of(st.just("0"), _DIGITS),
        st.one_of(st.just(""), _DIGITS.map(".{}".format)),
        st.one_of(st.just(""), st.builds("{}{}".format, st.sampled_from(["e", "E-"]), _DIGITS)),
    ),
)
_ESCAPES = ["\\u0000", "\\ud800", "\\udc00", "\\ud83e\\udde9", "\\\\", '\\"', "\\n", "[", "{", "1"]
_TEXTS = st.lists(st.one_of(st.sampled_from(_ESCAPES), st.characters(exclude_characters='"\\')))
_STRINGS = _TEXTS.map(lambda parts: '"{}"'.format("".join(parts)))
_WORDS = st.sampled_from(["null", "true", "NaN", "-Infinity", "1e400", "18446744073709551616"])
_LEVELS = st.sampled_from([1, 2, 54, 199, 200, 201, 254, 255, 990, 1024, 1025, 5000])


def _around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(st.tuples(_STRINGS, inner), max_size=4).map(
            lambda parts: "{" + ",".join(f"{name}: {value}" for name, value in parts) + "}"
        ),
        st.builds(nested, _LEVELS, inner),
        st.builds(lambda n, one: nested(n, one, begin='{"a":', end="}"), _LEVELS, inner),
    )


TEXTS: st.SearchStrategy[str] = st.recursive(
    st.one_of(_NUMBERS, _STRINGS, _WORDS), _around, max_leaves=8
)
"""Most of them JSON."""


def _damaged(text: bytes, place: float, instead: bytes) -> bytes:
    at = int(place * len(text))
    return text[:at] + instead + text[at + len(instead) :]


BYTES: st.SearchStrategy[bytes] = st.one_of(
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.builds(
        _damaged,
        TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.floats(0, 1),
        st.sampled_from([b"\x00", b"\xff", b'"', b"[", b"}", b"\\", b"\xed\xa0\x80", b"99999"]),
    ),
    st.binary(max_size=50),
)
"""Whatever somebody may send."""

_LONG = "123456789012345678901234567890"
HELD = {
    "long": (_LONG, ""),
    "endless": (f"[1e400, 1e99999999999999999999, {'9' * 1000}]", ""),
    "nested": (nested(150, _LONG), ""),
    "lists": (nested(300), "nested more than 200 levels deep"),
    "objects": (nested(990, begin='{"a":', end="}"), "nested more than 200 levels deep"),
    "deepest": (nested(998, _LONG), "nested more than 200 levels deep"),
    "half": ('["\\ud800", 1e400]', "JSON with half a character"),
    "half name": ('{"\\udfff": 1}', "JSON with half a character"),
    "half in UTF-8": ('"\ud800"', "JSON with half a character"),
}
"""Values that Elasticsearch holds in a field at which it does not look, and why a document with one
cannot be written again; nothing if it can."""

UNREAD = {"own": {"type": "object", "enabled": False}}
"""The mapping of such a field."""


def bulk_body(fields: str) -> bytes:
    """A bulk request that writes a document for each of `HELD`; its id is the name.

    Args:
        fields: What else they have, in JSON.
    """
    lines = (
        f'{{"index": {{"_id": "{id_}"}}}}\n{{"own": {value}, {fields}}}\n'
        for id_, (value, _) in HELD.items()
    )
    return "".join(lines).encode("utf-8", "surrogatepass")
