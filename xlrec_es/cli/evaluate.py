"""`xlrec-es evaluate`: how good are recommendations across languages, on a team's own data?"""

from __future__ import annotations

import contextlib
import csv
import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from elasticsearch import Elasticsearch
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from xlrec_es.cli.options.shared import (
    COLUMNS_OF_LIKES,
    connection_options,
    field_option,
    index_option,
    parse_assignments,
)
from xlrec_es.cluster.connection import Connection, connect, friendly_errors, root_cause
from xlrec_es.errors import ClusterError
from xlrec_es.evaluate.dataset import Job, Material, gather
from xlrec_es.evaluate.evaluator import (
    COLD,
    COVERAGE,
    DIVERSITY,
    HIT,
    MRR,
    NDCG,
    NOVELTY,
    POPULARITY,
    RECALL,
    SOURCE_SHARE,
)
from xlrec_es.evaluate.experiment import run
from xlrec_es.evaluate.protocol import AT_RANDOM, BY_TIME, POOLS_BY_NAME
from xlrec_es.recommend.fusion import AUTO, EQUAL

F = TypeVar("F", bound=Callable[..., Any])


def split_options(command: F) -> F:
    """Give a command the options of `protocol.split`: `method`, `part` and `cold`."""
    method = click.option(
        "--split",
        "method",
        type=click.Choice([BY_TIME, AT_RANDOM]),
        help="What is held out: all likes from a moment on, or a part of each person's, drawn.  "
        "[default: time where every like has one]",
    )
    part = click.option(
        "--held-out",
        "part",
        default=0.2,
        show_default=True,
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Which part of the likes.",
    )
    cold = click.option(
        "--cold",
        default=0.0,
        show_default=True,
        type=click.FloatRange(0, 1, max_open=True),
        help="Hold out all likes of this part of the works, drawn: they are as if new.",
    )
    return method(part(cold(command)))


def job_options(command: F) -> F:
    """Give a command the options of an evaluation; it receives a `Job`."""

    @click.argument(
        "interactions",
        type=click.Path(path_type=Path, dir_okay=False),
    )
    @index_option()
    @field_option(COLUMNS_OF_LIKES)
    @click.option("--min-rating", type=float, help="A lower rating means: not liked.")
    @split_options
    @click.option("--seed", default=0, show_default=True, help="Same seed, same numbers.")
    @click.option(
        "--max-persons",
        default=500,
        show_default=True,
        type=click.IntRange(min=1),
        help="At most so many persons, drawn.",
    )
    @click.option(
        "--min-history",
        default=2,
        show_default=True,
        type=click.IntRange(min=1),
        help="Likes in the source language that a person needs.",
    )
    @click.option(
        "--k",
        default=50,
        show_default=True,
        type=click.IntRange(1, 1000),
        help="Places that count.",
    )
    @click.option(
        "--pool",
        type=click.Choice([*POOLS_BY_NAME]),
        default="all",
        show_default=True,
        help="What competes: all languages but the source (cross), all (mixed), or of the former "
        "the works that nobody likes in the training part (cold).",
    )
    @click.option(
        "--mix",
        type=click.Choice([EQUAL, AUTO]),
        default=AUTO,
        show_default=True,
        help="Seats by language: as many for each, or by score alone.",
    )
    @click.option(
        "--renditions",
        type=click.Choice(["all", "one"]),
        default="all",
        show_default=True,
        help="one: each work is taken to be in one of its languages, drawn by the seed; for "
        "catalogues of which most works are in several.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        interactions: Path,
        index: str,
        assignments: tuple[str, ...],
        pool: str,
        min_rating: float | None,
        method: str | None,
        part: float,
        cold: float,
        seed: int,
        max_persons: int,
        min_history: int,
        k: int,
        mix: str,
        renditions: str,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        job = Job(
            interactions,
            index,
            fields=parse_assignments(assignments),
            min_rating=min_rating,
            method=method,
            part=part,
            cold=cold,
            seed=seed,
            max_persons=max_persons,
            min_history=min_history,
            k=k,
            pools=POOLS_BY_NAME[pool],
            mix=mix,
            one_language=renditions == "one",
        )
        return command(*args, job=job, **kwargs)

    return connection_options(wrapper)  # type: ignore[return-value]


@click.command()
@job_options
@click.option("--against", metavar="INDEX", help="Another index, such as the live one, beside it.")
@click.option(
    "--write-training",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the likes that are not held out to FILE (.tsv), for xlrec-ingest indicators, and "
    "evaluate nothing.",
)
@click.option(
    "--write-to", metavar="INDEX", help="Add the results to this index, for Kibana; made if new."
)
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def evaluate(
    job: Job,
    against: str | None,
    write_training: Path | None,
    write_to: str | None,
    as_json: bool,
    connection: Connection,
) -> None:
    """Measure recommendations across languages on INTERACTIONS that are held out.

    INTERACTIONS is a .csv, .tsv or .jsonl file (also with .gz). A person's history are their likes
    in one language, the targets held-out likes in others. Every list comes from the index, as it
    would be served, beside each leg alone and simple baselines. Intervals are 95%, over persons.

    The index's indicators must not have seen the targets: the first command writes what may be
    learned from.

    \b
    Example: xlrec-es evaluate likes.tsv -i shop --write-training training.tsv
             xlrec-ingest indicators training.tsv -i shop
             xlrec-es evaluate likes.tsv -i shop
    """
    job = replace(job, against=against)
    with contextlib.closing(connect(connection)) as client:
        if write_training is not None:
            material = gather(client, job)
            _write_training(write_training, material)
            click.echo(f"{write_training}: {int(material.parts.training.sum())} likes")
            return
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("searching", total=None)
            report = run(client, job, step=lambda n: progress.update(task, advance=1, total=n))
        if write_to is not None:
            write_results(client, write_to, report)
    if as_json:
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    else:
        show(report, Console())


def _write_training(path: Path, material: Material) -> None:
    """A file from which `likes.read_likes` reads the training part."""
    likes = material.likes
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["user", "item", "weight", "time"])
        for row in material.parts.training.nonzero()[0]:
            time = likes.time[row]
            writer.writerow(
                [
                    likes.persons[likes.person[row]],
                    likes.works[likes.work[row]],
                    f"{likes.weight[row]:g}",
                    "" if time != time else datetime.fromtimestamp(time, UTC).isoformat(),
                ]
            )


def write_results(client: Elasticsearch, index: str, report: Mapping[str, Any]) -> None:
    """Add one document for each pool and system, with flat fields that Kibana can draw.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    now = datetime.now(UTC).isoformat()
    shared = {"@timestamp": now, **{name: report[name] for name in ("index", "cases", "persons")}}
    job = report["job"]
    operations: list[dict[str, Any]] = []
    for pool, found in report["pools"].items():
        for name, system in found["systems"].items():
            measures = {key.replace("@", "_at_"): m for key, m in system["measures"].items()}
            document = {
                **shared,
                "fingerprint": report["fingerprint"]["digest"],
                "k": job["k"],
                "seed": job["seed"],
                "pool": pool,
                "system": name,
                "coverage": system["coverage"],
                **{key.replace(" ", "_"): value for key, value in measures.items()},
            }
            operations += [{"index": {}}, document]
    properties = {name: {"type": "keyword"} for name in ("index", "fingerprint", "pool", "system")}
    properties["@timestamp"] = {"type": "date"}
    with friendly_errors(client):
        # 400: it exists.
        client.options(ignore_status=400).indices.create(
            index=index, mappings={"properties": properties}
        )
        answer = client.bulk(index=index, operations=operations, refresh=True)
    refused = [item["index"]["error"] for item in answer["items"] if "error" in item["index"]]
    if refused:
        raise ClusterError(f"{index} does not take the results: {root_cause(refused[0])['reason']}")


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print a report for people."""
    for note in (*report["verdict"], *report["notes"]):
        console.print(f"- {escape(note)}")
    parts = report["split"]
    console.print(
        f"{report['index']}: {report['cases']} cases of {report['persons']} persons; split by "
        f"{parts['method']}, {parts['training']} likes to learn from, {parts['held out']} held out"
    )
    k = report["job"]["k"]
    found = {RECALL: f"recall@{k}", NDCG: "nDCG@10", MRR: "MRR", HIT: "hit", COLD: "cold"}
    for kind, pool in report["pools"].items():
        share = pool["source share of the pool"]
        caption = f"{kind} pool, {pool['works']} works, {pool['cases']} cases: what is found"
        console.print(_table(caption, pool, found))
        caption = f"{kind} pool: what lists are like ({share:.0%} of it in the source language)"
        console.print(_table(caption, pool, _LIKE))


_LIKE = {
    SOURCE_SHARE: "source",
    NOVELTY: "novelty",
    DIVERSITY: "diversity",
    POPULARITY: "popular",
    COVERAGE: "coverage",
}


def _table(caption: str, pool: Mapping[str, Any], columns: Mapping[str, str]) -> Table:
    table = Table(title=caption, title_justify="left", box=box.SIMPLE)
    for name in ("system", *columns.values()):
        table.add_column(name, no_wrap=True)
    by_recall = sorted(pool["systems"].items(), key=lambda s: -s[1]["measures"][RECALL]["mean"])
    for name, system in by_recall:
        measures = {**system["measures"], COVERAGE: {"mean": system[COVERAGE]}}
        cells = [_cell(measures[key], ends=key == RECALL) for key in columns]
        table.add_row(escape(name), *map(escape, cells))
    return table


def _cell(interval: Mapping[str, float | None], *, ends: bool) -> str:
    mean = interval["mean"]
    if mean is None:
        return "-"
    if not ends:
        return f"{mean:.3f}"
    return f"{mean:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"
