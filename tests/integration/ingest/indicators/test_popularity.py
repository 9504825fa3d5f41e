"""What somebody gets of whom nothing is known, market by market."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from catalogue import topics_of, write_catalogue
from indicator_learning import job
from ingest.indicators.run import run
from xlrec_es import History, Options, Recommender, SearchOptions
from xlrec_es.errors import UsageError


def test_somebody_unknown_gets_what_their_market_likes(
    es_each: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es_each, index_name)
    path = tmp_path / "likes.jsonl"

    def recommended(language: str, market: str | None = None) -> list[str]:
        options = Options(search=SearchOptions(market=market))
        recommender = Recommender(es_each, index_name, options=options)
        found = recommender.recommend(History(), languages=[language], size=20).items
        return [item.work for item in found]

    # Painting is what most like, and cooking what those like who like Japanese documents.
    rows = [{"user": f"p{n}", "item": f"painting-{n % 3}@de"} for n in range(300)]
    rows += [{"user": f"j{n}", "item": f"cooking-{n % 3}@ja"} for n in range(90)]
    path.write_text("\n".join(map(json.dumps, rows)))
    run(es_each, job(path, index_name))
    assert topics_of(recommended("de")[:3]) == ["painting"] * 3
    assert topics_of(recommended("ja")[:3]) == ["cooking"] * 3
    assert len(recommended("ja")) == 20  # those that nobody likes come after
    # Where rows name markets, languages are none.
    rows = [{**row, "market": "JP" if row["user"][0] == "j" else "AT"} for row in rows]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert run(es_each, job(path, index_name))["markets"] == 2
    assert topics_of(recommended("ja")[:3]) == ["painting"] * 3
    assert topics_of(recommended("ja", "JP")[:3]) == ["cooking"] * 3
    with pytest.raises(UsageError, match="knows no market 'US', but AT, JP"):
        recommended("ja", "US")
    assert run(es_each, job(path, index_name, popularity=False))["changed"] == 0
    assert topics_of(recommended("ja", "JP")[:3]) == ["cooking"] * 3
