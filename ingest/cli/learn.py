"""`xlrec-ingest learn`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from rich.table import Table
from rich.text import Text

from ingest.cli.options.target import Engine, engine_options, shard_option
from ingest.shard import Shard
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.likes import like_options
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.outcome import REJECTED, print_json
from xlrec_es.cli.options.shared import (
    connection_options,
    dry_run_option,
    field_option,
    index_option,
    json_option,
    parse_assignments,
)
from xlrec_es.cli.options.terminal import echo
from xlrec_es.cli.options.values import NumberRange
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import UsageError
from xlrec_es.index.fields import RELATIONS, TASTE, relation_of

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from elasticsearch import Elasticsearch

    from ingest.indicators.noise import Privacy
    from ingest.indicators.run import IndicatorJob

NAMES = ("local-ease", "ease", "cosine", "llr", "rp3beta", "association")
DEVICES = ("cpu", "cuda")
LEARNER_HELP = (
    "Learner of associations. local-ease: ridge regressions on neighbors of an item; ease: on all "
    "items, for small catalogs; cosine, llr (log-likelihood), rp3beta: weighted co-occurrence; "
    "association: llr, with the ratio as the weight."
)
max_items_option = renamed_option(
    "--max-items",
    "max_works",
    old=("--max-works",),
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Most items of a user, perhaps a bot; the latest count.",
)


@sections.command()
@click.argument("source", metavar="INPUT")
@index_option()
@field_option("user, item, event, rating, weight, time or market", needed="user and item")
@click.option(
    "--relation",
    type=click.Choice([TASTE.name, *RELATIONS]),
    default=TASTE.name,
    show_default=True,
    help="What to learn: what the same users like, or what is in the same baskets. For baskets "
    "the defaults are purchases alone, --learner association, --max-items 100, "
    "--transfer-neighbors 10, --shrinkage 5 and --neighbor-weight 0.",
)
@click.option(
    "--basket-field",
    metavar="FIELD",
    help="Column of the order or session that a row is of.",
    show_default="basket, else --basket-gap",
)
@click.option(
    "--basket-gap",
    type=NumberRange(min=0, min_open=True),
    metavar="HOURS",
    help="Without such a column: hours without an event after which a user has another basket.",
    show_default="1",
)
@renamed_option(
    "--learner",
    "model",
    old=("--model",),
    type=click.Choice(NAMES),
    default=NAMES[0],
    show_default=True,
    help=LEARNER_HELP,
)
@renamed_option(
    "--solver-device",
    "device",
    old=("--device",),
    type=click.Choice(DEVICES),
    default="cpu",
    show_default=True,
    help="Device that solves the regressions of local-ease and finds the neighbors of items.",
)
@like_options
@click.option(
    "--separate-events",
    is_flag=True,
    help="Add up different events of a user with an item; otherwise the heaviest counts alone.",
)
@click.option(
    "--half-life",
    type=NumberRange(min=0, min_open=True),
    metavar="DAYS",
    help="Days after which an interaction counts half.",
    show_default="all count alike",
)
@renamed_option(
    "--min-users",
    "min_users",
    old=("--min-persons",),
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Fewest users of an item; items with fewer are left out.",
)
@renamed_option(
    "--min-items",
    "min_works",
    old=("--min-works",),
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Fewest items of a user; users with fewer are left out.",
)
@max_items_option
@click.option(
    "--min-co-users",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Fewest different users that an association rests on, for privacy; others are left out.",
)
@click.option(
    "--epsilon",
    type=NumberRange(min=0, min_open=True),
    metavar="NUMBER",
    help="Differential privacy of each user: noise in all that is learned, the more the smaller "
    "this is. --max-items is 20 then.",
    show_default="no noise",
)
@click.option(
    "--delta",
    type=NumberRange(0, 1, min_open=True, max_open=True),
    default=1e-6,
    show_default=True,
    metavar="NUMBER",
    help="Probability with which --epsilon may not hold; far below 1 / number of users.",
)
@renamed_option(
    "--transfer-neighbors",
    "neighbours",
    old=("--neighbours",),
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="N",
    help="Neighbors from which a cold-start item inherits associations; 0 disables the transfer.",
)
@renamed_option(
    "--shrinkage",
    "kappa",
    old=("--kappa",),
    type=NumberRange(min=0),
    default=0.3,
    show_default=True,
    metavar="NUMBER",
    help="Users at which own and inherited associations weigh the same.",
)
@renamed_option(
    "--full-transfer-similarity",
    "full_cosine",
    old=("--full-cosine",),
    type=NumberRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    metavar="COSINE",
    help="Mean similarity of the neighbors at which inherited weights apply in full.",
)
@renamed_option(
    "--neighbor-weight",
    "self_weight",
    old=("--self-weight",),
    type=NumberRange(min=0),
    default=0.4,
    show_default=True,
    metavar="NUMBER",
    help="Total weight of direct links to the neighbors, relative to the inherited weight.",
)
@click.option(
    "--on-disk",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Folder for interactions that memory does not hold: they are sorted and read there.",
    show_default="they are in memory",
)
@click.option(
    "--memory-limit",
    type=click.IntRange(64),
    default=1024,
    show_default=True,
    metavar="N",
    help="Megabytes of memory for sorting with --on-disk; what is worked at comes on top.",
)
@click.option("--keep-popularity", is_flag=True, help="Leave xlrec.popularity as it is.")
@shard_option
@engine_options
@dry_run_option
@json_option
@connection_options
@click.pass_context
def learn(
    ctx: click.Context,
    source: str,
    index: str,
    assignments: tuple[str, ...],
    relation: str,
    basket_field: str | None,
    basket_gap: float | None,
    model: str,
    device: str,
    events: Mapping[str, float] | None,
    separate_events: bool,
    min_rating: float | None,
    time_format: str | None,
    half_life: float | None,
    min_users: int,
    min_works: int,
    max_works: int,
    min_co_users: int,
    epsilon: float | None,
    delta: float,
    neighbours: int,
    kappa: float,
    full_cosine: float,
    self_weight: float,
    keep_popularity: bool,
    on_disk: Path | None,
    memory_limit: int,
    shard: str,
    engine: Engine | None,
    dry_run: bool,
    as_json: bool,
    connection: Connection,
) -> None:
    """Learn item-to-item associations from INPUT.

    \b
    Examples:
      xlrec-ingest learn interactions.tsv --index shop
      xlrec-ingest learn ratings.tsv --index shop --min-rating 7 --dry-run
      xlrec-ingest learn index:clicks --index shop
      xlrec-ingest learn orders.tsv --index shop --relation bought-together --basket-field order

    They are written into the documents of an index.

    INPUT is a .csv, .tsv, .jsonl (also with .gz) or .parquet file of interactions, a folder of
    .parquet files, or index:NAME. Cold-start items inherit associations from similar items in any
    language. Only changes are written. Exit code 3: done, but some documents were refused.
    """
    from ingest.indicators import baskets
    from ingest.indicators.cold_start import BASKET_TRANSFER, Transfer
    from ingest.indicators.interaction_matrix import LikeRules
    from ingest.indicators.large.on_disk import OnDisk
    from ingest.indicators.learners import LEARNERS, LocalEase
    from ingest.indicators.run import IndicatorJob, run
    from xlrec_es.interactions.likes import warning_of

    if device != DEVICES[0]:
        from ingest.encode.devices import choose_devices  # takes seconds

        device = choose_devices(device)[0]
    fields = parse_assignments(assignments, example="item=film_id")
    rules = LikeRules(
        separate_events=separate_events,
        min_rating=min_rating,
        time_format=time_format,
        half_life_days=half_life,
        min_users=min_users,
        min_works=min_works,
        max_works=max_works,
    )
    transfer = Transfer(
        neighbours=neighbours,
        kappa=kappa,
        full_cosine=full_cosine,
        self_weight=self_weight,
        device=device,
    )
    if relation != TASTE.name:
        if basket_field is not None:
            fields[baskets.BASKET] = basket_field
        given = _given(ctx)
        model = model if "model" in given else "association"
        rules = replace(
            rules,
            events=baskets.PURCHASES,
            plain=1.0,
            basket_gap_h=basket_gap or baskets.GAP_H,
            repeats=baskets.REPEATS,
            max_works=max_works if "max_works" in given else baskets.MAX_ITEMS,
        )
        names = {"neighbours", "kappa", "full_cosine", "self_weight"} & given
        own = {name: getattr(transfer, name) for name in names}
        transfer = replace(BASKET_TRANSFER, device=device, **own)
    elif not (basket_field is None and basket_gap is None):
        raise UsageError(
            "only relations between items of a basket have --basket-field and --basket-gap: "
            "give --relation bought-together"
        )
    job = IndicatorJob(
        source=source,
        index=index,
        fields=fields,
        rules=rules if events is None else replace(rules, events=events),
        learner=LocalEase(device=device) if model == NAMES[0] else LEARNERS[model](),
        transfer=transfer,
        popularity=relation == TASTE.name and not keep_popularity,
        relation=relation_of(None if relation == TASTE.name else relation),
        shard=Shard.parse(shard),
        dry_run=dry_run,
        min_co_users=min_co_users,
        privacy=_privacy(ctx, epsilon, delta, max_works),
        on_disk=None if on_disk is None else OnDisk(on_disk, memory_limit),
    )
    with connect(connection) as client, _on_engine(job, engine) as placed:
        if not as_json:
            _promise(client, job)
        summary = run(client, placed)
    warning = warning_of(summary["interactions"]) if events is None else None
    if warning:
        echo(f"Warning: {warning}", err=True)
    if as_json:
        print_json(summary)
    else:
        _show(summary)
    if summary["refused"]:
        ctx.exit(REJECTED)


def _privacy(
    ctx: click.Context, epsilon: float | None, delta: float, max_works: int
) -> Privacy | None:
    """What the options promise to each user."""
    from ingest.indicators.noise import ITEMS, Privacy

    if epsilon is None:
        if "delta" in _given(ctx):
            raise UsageError("--delta is a part of --epsilon; give both, or neither")
        return None
    return Privacy(epsilon, delta, max_works if "max_works" in _given(ctx) else ITEMS)


def _promise(client: Elasticsearch, job: IndicatorJob) -> None:
    """Say what is promised to each user, after all that was promised before."""
    if job.privacy is None:
        return
    from xlrec_es.index.live_index import find_live

    for sentence in job.privacy.statement(find_live(client, job.index).meta.indicators):
        echo(sentence, err=True)


@contextlib.contextmanager
def _on_engine(job: IndicatorJob, engine: Engine | None) -> Iterator[IndicatorJob]:
    """The job, done where the engine is.

    Raises:
        UsageError: Noise is added on one machine.
        MissingExtra: Ray is not installed.
        IngestError: Ray cannot be started, or reached.
    """
    if engine is None:
        yield job
        return
    if job.privacy is not None:
        raise UsageError("--epsilon adds noise on one machine; leave --engine out")
    from ingest.on_ray.learning import RayLearner
    from ingest.on_ray.session import RayOptions, session

    # What users liked lies in the object store, whose size is Ray's to choose.
    options = RayOptions(engine.address, engine.workers, object_store_bytes=None)
    with session(options):
        yield replace(job, learner=RayLearner(job.learner))


def _given(ctx: click.Context) -> set[str]:
    """The options that somebody gave, here or in the TOML file."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return {name for name, source in sources.items() if source != ParameterSource.DEFAULT}


def _show(summary: Mapping[str, Any]) -> None:
    console = Console()
    grid = Table.grid(padding=(0, 2))
    grid.add_row("index", f"{summary['index']} ({summary['version']})")
    grid.add_row("learner", f"{summary['model']}, generation {summary['generation']}")
    for reason, count in summary["interactions"].items():
        grid.add_row(f"  {reason}", str(count))
    if "baskets" in summary:
        grid.add_row("baskets", f"{summary['baskets']}, by {summary['baskets_by']}")
    else:
        grid.add_row("users", f"{summary['users']}, of {summary['markets']} markets")
    sizes = summary["indicators"]
    grid.add_row("documents", f"{summary['documents']}, {sizes['mean']} associations each")
    if "of too few users" in summary:
        grid.add_row("  of too few users", f"{summary['of too few users']} associations left out")
    _add_changes(grid, summary)
    grid.add_row("seconds", str(summary["seconds"]))
    console.print(grid)
    coverage = Table("language", "own", "blended", "inherited", "none")
    for language, counts in summary["coverage"].items():
        parts = (str(counts.get(p, 0)) for p in ("own", "blended", "inherited", "none"))
        coverage.add_row(language, *parts)
    console.print(coverage)
    for one in summary["examples"]:
        names = ", ".join(one["liked by people who liked"]) or "nothing"
        rest = f"{one['users']} users, goes to users who liked: {names}"
        if "baskets" in summary:
            rest = f"{one['users']} baskets, bought together with: {names}"
        rest = f", {one['indicators']}, {rest}"
        console.print(Text.assemble((one["work"], "bold"), rest))


def _add_changes(grid: Table, summary: Mapping[str, Any]) -> None:
    """What became of the documents."""
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
