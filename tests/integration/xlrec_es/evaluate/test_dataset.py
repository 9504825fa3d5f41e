"""What an evaluation and a split read of an index."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue, write_likes
from fault_proxy import fault_proxy
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.evaluate.dataset import EvaluationJob, gather
from xlrec_es.index.fields import VECTOR_FIELD


def asked(url: str, *arguments: object) -> list[bytes]:
    """The bodies of all searches that `evaluate` sends."""
    bodies: list[bytes] = []
    with fault_proxy(url, "") as proxy:
        proxy.when = bodies.append
        given = [*map(str, arguments), "--url", proxy.url]
        done = CliRunner().invoke(xlrec_es, ["evaluate", *given])
    assert done.exit_code == 0, done.output
    return [body for body in bodies if b'"query"' in body]


def test_a_split_reads_columns_alone_and_an_evaluation_vectors_too(
    es_each: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es_each, index_name)
    url = next(iter(es_each.transport.node_pool.all())).base_url
    likes = write_likes(tmp_path / "likes.tsv", 40)
    training = tmp_path / "training.tsv"
    where = (likes, "-i", index_name, "--k", 5, "--pool", "cross")
    split = asked(url, *where, "--write-training", training)
    assert len(split) >= 2, "at least a page, and one that is empty"
    assert all(b'"_source":false' in body and b'"docvalue_fields"' in body for body in split)
    assert not any(VECTOR_FIELD.encode() in body or b'"fields"' in body for body in split)
    assert len(training.read_text().splitlines()) > 100
    assert any(VECTOR_FIELD.encode() in body for body in asked(url, *where))


@pytest.mark.parametrize("one_language", [False, True])
def test_without_vectors_the_cases_are_the_same_but_for_twins(
    es: Elasticsearch, index_name: str, tmp_path: Path, one_language: bool
) -> None:
    twin = document("chess", 0, "ja")
    twin["xlrec"] |= {"work": "twin"}  # type: ignore[operator]
    write_catalogue(es, index_name, {"twin": twin})
    likes = write_likes(tmp_path / "likes.tsv", 60, also=["twin"])
    job = EvaluationJob(likes, index_name, k=5, one_language=one_language)
    known, blind = gather(es, job), gather(es, job, with_vectors=False)
    assert blind.parts.training.tolist() == known.parts.training.tolist()
    assert len(blind.pool.vectors) == 0 < len(known.pool.vectors)
    assert (blind.pool.works, blind.pool.languages) == (known.pool.works, known.pool.languages)
    whom = {(case.user, case.source): case for case in blind.cases}
    assert any(case.targets < whom[case.user, case.source].targets for case in known.cases)
    for case in known.cases:
        other = whom[case.user, case.source]
        assert (case.history, case.seen) == (other.history, other.seen)
        assert other.targets - case.targets <= {"twin", "chess-0"}
