"""What people really feed in: each line ends in its named reason, or in the right document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.run import assemble as runs
from ingest.run.job import RunJob
from xlrec_es.cluster.connection import Connection
from xlrec_es.vectors.vector import Vector

MAPPING = {
    "when": {"type": "date"},
    "year": {"type": "integer"},
    "small": {"type": "byte"},
    "sold": {"type": "boolean"},
    "where": {"type": "geo_point"},
    "tag": {"type": "keyword"},
    "vector": {"type": "dense_vector", "dims": 3},
}


MISSING = ...


@dataclass(frozen=True)
class Case:
    """A line or a record, and what is to become of it: a reason, or a document, or nothing."""

    given: bytes | dict[str, Any]
    reason: str = ""
    id: str = ""
    text: str = ""
    language: str = "en"
    either: bool = False  # by the memory that the node has

    def line(self, name: str) -> bytes:
        """The record gets its name as its id, if it has none."""
        if isinstance(self.given, bytes):
            return self.given
        record = {"id": name, **self.given}
        return json.dumps({k: v for k, v in record.items() if v is not MISSING}).encode()


def bad(line: bytes | str, reason: str) -> Case:
    return Case(line.encode() if isinstance(line, str) else line, reason)


def refused(reason: str, **fields: Any) -> Case:  # noqa: ANN401
    """A record that would be good without these fields."""
    return Case({"language": "en", "title": "a title"} | fields, reason)


def good(id_: str | int, title: Any = "a title", text: str = "a title") -> Case:  # noqa: ANN401
    return Case({"id": id_, "language": "en", "title": title}, "", str(id_), text)


DEEP = {"a": 1}
for _ in range(30):
    DEEP = {"a": DEEP}  # type: ignore[dict-item]
LONG_WORD = "x" * 40_000
HUGE = "ten megabytes of a text " * 437_000

CASES = {
    # --- not JSON, or not an object
    "cut off": bad('{"id": "1"', "not JSON: "),
    "two objects": bad('{"id": "1"}{"id": "2"}', "not JSON: unexpected"),
    "a comma too many": bad('{"id": "1",}', "not JSON: "),
    "single quotes": bad("{'id': '1'}", "not JSON: "),
    "no quotes": bad("{id: 1}", "not JSON: "),
    "NaN": bad('{"id": "1", "n": NaN}', "not JSON: "),
    "Infinity": bad('{"id": "1", "n": -Infinity}', "not JSON: "),
    "a number beyond all": bad('{"id": "1", "n": 1e999}', "not JSON: "),
    "a comment": bad('{"id": "1"} // one', "not JSON: "),
    "CSV": bad("id,title,language", "not JSON: "),
    "a list": bad('[{"id": "1"}]', "not a JSON object"),
    "a text": bad('"id"', "not a JSON object"),
    "a number": bad("12", "not a JSON object"),
    "null": bad("null", "not a JSON object"),
    "true": bad("true", "not a JSON object"),
    "latin-1": bad(b'{"id": "1", "title": "sch\xf6n"}', "not JSON: str is not valid UTF-8"),
    "UTF-16": bad('{"id": "1"}'.encode("utf-16-le"), "not JSON: "),
    "a surrogate in UTF-8": bad(b'{"id": "1", "title": "\xed\xa0\x80"}', "not JSON: str is not"),
    "a lone surrogate": bad(r'{"id": "1", "title": "\ud800"}', "not JSON: no low surrogate"),
    "surrogates reversed": bad(r'{"id": "1", "title": "\udc00\ud800"}', "not JSON: "),
    "NUL bytes": bad(b"\x00\x00\x00", "not JSON: "),
    "a raw control character": bad(b'{"id": "1", "title": "a\x07b"}', "not JSON: "),
    "a byte order mark inside": bad('\ufeff{"id": "1"}', "not JSON: "),
    "nested without end": bad('{"id": "1", "a": ' + "[" * 3000, "nested more than 200 levels deep"),
    "nothing but white space": Case(b"  \t "),
    # --- ids
    "no id": refused("no id in id", id=MISSING),
    "null as id": refused("no id in id", id=None),
    "an empty id": refused("no id in id", id=""),
    "a list as id": refused("id is a list, neither text nor a whole number", id=["1"]),
    "an object as id": refused("id is an object, neither text", id={"a": 1}),
    "true as id": refused("id is true or false, neither text", id=True),
    "half a number as id": refused("id is a number, neither text nor a whole", id=1.5),
    "513 bytes": refused("the id has 513 bytes; Elasticsearch takes 512", id="x" * 513),
    "513 bytes in 171 letters": refused("the id has 513 bytes", id="茶" * 171),
    "512 bytes": good("y" * 512),
    "zero": good(0),
    "below zero": good(-7),
    "a large number": good(2**63),
    "dots": good("a.b..c"),
    "slashes": good("a/b/../c"),
    "backslashes": good("a\\b\\u0041"),
    "quotes": good("a\"b'c`d"),
    "commas": good("a,b,,c"),
    "spaces around": good(" a b "),
    "a line's end": good("a\nb\r\n"),
    "NUL in an id": good("a\x00b"),
    "what URLs mean": good("a?b=c&d#e%2Ff+g:*"),
    "an underscore first": good("_source"),
    "emoji as id": good("🧩"),
    "right to left id": good("\u200fמזהה\u202e"),
    # --- texts
    "no text at all": refused("no text in title, summary, description, text", title=MISSING),
    "null as title": refused("no text in title", title=None),
    "an empty title": refused("no text in title", title=""),
    "white space": refused("no text in title", title=" \t\u00a0\u3000\u2028"),
    "markup alone": refused("no text in title", title="<p><br/></p><!-- x -->"),
    "control characters": refused("no text in title", title="\x00\x01\u200e\u202e\ufeff"),
    "a number as title": refused("title is or has a number, not text", title=3),
    "an object as title": refused("title is or has an object, not text", title={"en": "x"}),
    "a list with a number": refused("title is or has a number, not text", title=["a", 3]),
    "texts in a list": good("list", ["one", "two"], "one\ntwo"),
    "NUL in a text": good("nul", "one\x00 two", "one two"),
    "marks of direction": good("rtl", "\u200fשלום\u200e \u202bעולם\u202c", "שלום עולם"),
    "emoji alone": good("emoji", "🧩👩\u200d👧❤\ufe0f", "🧩👩\u200d👧❤\ufe0f"),
    "mojibake": good("mojibake", "schÃ¶n", "schön"),
    "decomposed": good("nfd", "e\u0301", "é"),
    "markup": good("html", "<b>bold</b> &amp; <script>x()</script>plain", "bold & plain"),
    "what looks like markup": good("less", "a < b, C<int>", "a < b, C<int>"),
    "one long word": good("word", LONG_WORD, LONG_WORD),
    "1 MB": good("large", HUGE[:1_000_000], HUGE[:1_000_000].strip()),
    "10 MB": replace(good("huge", HUGE, HUGE.strip()), reason="429: reject", either=True),
    "private use": good("private", "a \ue000 b", "a \ue000 b"),
    "keys twice": Case(b'{"id": "k", "language": "en", "title": "x", "title": "y"}', "", "k", "y"),
    "white space about it": Case(b' \t{"id":"w","language":"en" , "title": "x"}  \r', "", "w", "x"),
    # --- languages, works, counts
    "a list as language": refused("the language is a list, not text", language=["en"]),
    "a number as language": refused("the language is a number, not text", language=3),
    "no language": refused("'no language' is not a language tag", language="no language"),
    "a tag as Java has it": Case(
        {"language": "pt_br", "title": "x"}, "", "a tag as Java has it", "x", "pt-BR"
    ),
    "text as popularity": refused("the popularity is text, not a number", popularity="9"),
    "less than nobody": refused("the popularity is -1, below 0", popularity=-1),
    "an object as work": refused("the work is an object, neither text", work={"a": 1}),
    "too long a work": refused("400: ", work="w" * 40_000),
    "a list of translations": refused("translations is a list, not an object", translations=["x"]),
    "a null translation": refused(
        "the translation fr is null", title=MISSING, language=MISSING, translations={"fr": None}
    ),
    "our own field": refused("the field xlrec is this program's own", xlrec={"work": "x"}),
    "an unknown operation": refused("_op is 'purge'; 'delete' is all that it can be", _op="purge"),
    "a deletion of nothing": refused("no id in id", _op="delete", id=MISSING),
    # --- what Elasticsearch refuses
    "no date": refused("400: [", when="soon"),
    "too large a number": refused("400: [", year=2**40),
    "too large for a byte": refused("400: [", small=300),
    "neither true nor false": refused("400: [", sold="perhaps"),
    "off the globe": refused("400: [", where={"lat": 100, "lon": 0}),
    "an object for a word": refused("400: [", tag={"a": 1}),
    "wrong dims": refused("400: [", vector=[1, 2]),
    "a zero vector": refused("400: [", vector=[0, 0, 0]),
    "text in a vector": refused("400: [", vector=["a", 1, 2]),
    "an empty name": refused("400: ", **{"": 1}),
    "a name of a dot": refused("400: ", **{".": 1}),
    "too deep": refused("400: ", deep=DEEP),
    # --- what the encoder cannot do
    "an encoder's zeros": refused("the encoder made zeros or NaN of it", title="zero"),
    "an encoder's NaN": refused("the encoder made zeros or NaN of it", title="nan"),
}


class Faulty(HashEncoder):
    """Makes zeros of one text and NaN of another."""

    def encode(self, texts: list[str]) -> Vector:  # type: ignore[override]
        vectors = super().encode([text[:500] for text in texts])  # as models do
        for row, text in enumerate(texts):
            if text in ("zero", "nan"):
                vectors[row] = 0 if text == "zero" else np.nan
        return vectors


@pytest.fixture
def template(es: Elasticsearch, index_name: str) -> Iterator[None]:
    """The user's own fields have types."""
    es.indices.put_index_template(
        name=index_name,
        index_patterns=[f"{index_name}*"],
        template={"mappings": {"properties": MAPPING}},
    )
    yield
    es.indices.delete_index_template(name=index_name)


@pytest.mark.usefixtures("template")
def test_every_input_ends_in_its_reason_or_in_the_right_document(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    assert len(CASES) >= 60
    lines = {name: case.line(name) for name, case in CASES.items()}
    source = tmp_path / "items.jsonl"
    source.write_bytes(b"\n".join(lines.values()))
    job = RunJob(str(source), index_name, centering="none")
    summary = runs.run(job, Connection(es_url), encoder=Faulty())

    rejects = Path(f"{source}.{index_name}.rejects.jsonl").read_bytes().splitlines()
    reasons = {entry["line"]: entry["reason"] for entry in map(orjson.loads, rejects)}
    hits = es.search(index=index_name, size=1000, fields=["xlrec.embedding"])["hits"]["hits"]
    documents = {hit["_id"]: hit for hit in hits}
    wrong = {}
    for number, (name, case) in enumerate(CASES.items(), 1):
        reason = reasons.pop(number, "")
        if case.either:
            case = replace(case, **({"id": ""} if reason else {"reason": ""}))
        hit = documents.pop(case.id, None) if case.id else None
        if not reason.startswith(case.reason) or bool(reason) != bool(case.reason):
            wrong[name] = reason or "no reason"
        elif case.id and (hit is None or not is_right(hit, case, lines[name])):
            wrong[name] = str(hit)[:500]
    assert not wrong
    assert not reasons
    assert not documents
    assert summary["rejected"] == len(rejects)
    assert summary["indexed"] == len(hits)


def is_right(hit: dict[str, Any], case: Case, line: bytes) -> bool:
    """The user's fields are untouched, ours are as they should be, the vector has length 1."""
    own = hit["_source"].pop("xlrec")
    vector = hit["fields"]["xlrec.embedding"]
    return bool(
        hit["_source"] == orjson.loads(line)
        and own["text"] == {case.language: case.text}
        and own["language"] == case.language
        and abs(np.linalg.norm(vector) - 1) < 1e-5
    )
