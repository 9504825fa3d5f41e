"""`xlrec-ingest learn`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import orjson
from rich.table import Table
from rich.text import Text

from ingest.shard import Shard
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.likes import like_options
from xlrec_es.cli.options.outcome import REJECTED
from xlrec_es.cli.options.shared import (
    connection_options,
    field_option,
    index_option,
    parse_assignments,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cluster.connection import Connection, connect

MODELS = ("local-ease", "ease", "cosine", "llr", "rp3beta")
DEVICES = ("cpu", "cuda")


@sections.command()
@click.argument("source", metavar="INPUT")
@index_option()
@field_option("user, item, event, rating, weight, time or market", needed="user and item")
@click.option(
    "--model",
    type=click.Choice(MODELS),
    default=MODELS[0],
    show_default=True,
    help="How is learned. local-ease: ridge regressions on each work's neighbours; ease: on all "
    "works, for small catalogues; cosine, llr (log-likelihood), rp3beta: co-occurrence, weighed.",
)
@click.option(
    "--device",
    type=click.Choice(DEVICES),
    default="cpu",
    show_default=True,
    help="Where local-ease solves its regressions, and works look for those they borrow from.",
)
@like_options
@click.option(
    "--separate-events",
    is_flag=True,
    help="Different events of a person with a work add up; else the heaviest counts alone.",
)
@click.option(
    "--half-life",
    type=click.FloatRange(min=0, min_open=True),
    metavar="DAYS",
    help="Days after which a like counts half.",
    show_default="all count alike",
)
@click.option(
    "--min-persons",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Works liked by fewer persons are left out.",
)
@click.option(
    "--min-works",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Persons who liked fewer works are left out.",
)
@click.option(
    "--max-works",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Of a person who liked more, a robot perhaps, only the latest so many count.",
)
@click.option(
    "--neighbours",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="N",
    help="Works that a work which few have touched borrows from; 0: none.",
)
@click.option(
    "--kappa",
    type=click.FloatRange(min=0),
    default=0.3,
    show_default=True,
    metavar="NUMBER",
    help="Persons that outweigh borrowing.",
)
@click.option(
    "--full-cosine",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    metavar="COSINE",
    help="Of neighbours that lend in full; nearer ones lend more, others less.",
)
@click.option(
    "--self-weight",
    type=click.FloatRange(min=0),
    default=0.4,
    show_default=True,
    metavar="NUMBER",
    help="Of the neighbours themselves.",
)
@click.option("--keep-popularity", is_flag=True, help="Leave xlrec.popularity as it is.")
@click.option(
    "--shard",
    default="1/1",
    show_default=True,
    metavar="I/N",
    help="Learn and write this part of the works.",
)
@click.option("--dry-run", is_flag=True, help="Learn and show, but write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@connection_options
@click.pass_context
def learn(
    ctx: click.Context,
    source: str,
    index: str,
    assignments: tuple[str, ...],
    model: str,
    device: str,
    events: Mapping[str, float] | None,
    separate_events: bool,
    min_rating: float | None,
    time_format: str | None,
    half_life: float | None,
    min_persons: int,
    min_works: int,
    max_works: int,
    neighbours: int,
    kappa: float,
    full_cosine: float,
    self_weight: float,
    keep_popularity: bool,
    shard: str,
    dry_run: bool,
    as_json: bool,
    connection: Connection,
) -> None:
    """Learn item-to-item associations from INPUT.

    \b
    Examples:
      xlrec-ingest learn clicks.tsv --index shop
      xlrec-ingest learn ratings.tsv --index shop --min-rating 7 --dry-run
      xlrec-ingest learn index:clicks --index shop

    They are written into the documents of an index.

    INPUT is a .csv, .tsv, .jsonl (also with .gz) or .parquet file of interactions, a folder of
    .parquet files, or index:NAME. Works that few have touched borrow from works like them in any
    language. Only what changed is written. Exit code 3: done, but some documents were refused.
    """
    from ingest.indicators.cold_start import Transfer
    from ingest.indicators.interaction_matrix import LikeRules
    from ingest.indicators.learners import LEARNERS, LocalEase
    from ingest.indicators.run import IndicatorJob, run
    from xlrec_es.interactions.likes import warning_of

    if device != DEVICES[0]:
        from ingest.encode.sentence_transformer import choose_devices  # takes seconds

        device = choose_devices(device)[0]
    job = IndicatorJob(
        source=source,
        index=index,
        fields=parse_assignments(assignments, example="item=film_id"),
        rules=LikeRules(
            **({} if events is None else {"events": events}),
            separate_events=separate_events,
            min_rating=min_rating,
            time_format=time_format,
            half_life_days=half_life,
            min_persons=min_persons,
            min_works=min_works,
            max_works=max_works,
        ),
        learner=LocalEase(device=device) if model == MODELS[0] else LEARNERS[model](),
        transfer=Transfer(
            neighbours=neighbours,
            kappa=kappa,
            full_cosine=full_cosine,
            self_weight=self_weight,
            device=device,
        ),
        popularity=not keep_popularity,
        shard=Shard.parse(shard),
        dry_run=dry_run,
    )
    with connect(connection) as client:
        summary = run(client, job)
    warning = warning_of(summary["interactions"]) if events is None else None
    if warning:
        echo(f"Warning: {warning}", err=True)
    if as_json:
        echo(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
    else:
        _show(summary)
    if summary["refused"]:
        ctx.exit(REJECTED)


def _show(summary: Mapping[str, Any]) -> None:
    console = Console()
    grid = Table.grid(padding=(0, 2))
    grid.add_row("index", f"{summary['index']} ({summary['version']})")
    grid.add_row("model", f"{summary['model']}, generation {summary['generation']}")
    for reason, count in summary["interactions"].items():
        grid.add_row(f"  {reason}", str(count))
    grid.add_row("persons", f"{summary['persons']}, of {summary['markets']} markets")
    sizes = summary["indicators"]
    grid.add_row("documents", f"{summary['documents']}, {sizes['mean']} indicators each")
    if summary["dry_run"]:
        size = f"{summary['bytes'] / 1e6:.1f} MB of updates"
        grid.add_row("  to change", f"{summary['changed']}, {size}")
    else:
        grid.add_row("  changed", str(summary["changed"]))
    grid.add_row("  unchanged", str(summary["unchanged"]))
    if not (summary["dry_run"] or summary["complete"] or summary["refused"]):
        grid.add_row("  incomplete", "until every shard has been run")
    if summary["gone"]:
        grid.add_row("  deleted meanwhile", str(summary["gone"]))
    if summary["refused"]:
        first = summary["refused"][0]
        grid.add_row("  refused", f"{len(summary['refused'])}, {first['id']}: {first['reason']}")
    grid.add_row("seconds", str(summary["seconds"]))
    console.print(grid)
    coverage = Table("language", "own", "blended", "borrowed", "none")
    for language, counts in summary["coverage"].items():
        parts = (str(counts.get(p, 0)) for p in ("own", "blended", "borrowed", "none"))
        coverage.add_row(language, *parts)
    console.print(coverage)
    for one in summary["examples"]:
        names = ", ".join(one["liked by people who liked"]) or "nothing"
        rest = f", {one['indicators']}, {one['persons']} persons, goes to people who liked: {names}"
        console.print(Text.assemble((one["work"], "bold"), rest))
