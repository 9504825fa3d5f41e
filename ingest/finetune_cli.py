"""`xlrec-ingest finetune`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ingest.options import EMBEDDED, EncoderOptions

REFUSED = 1
"""Exit code where the gate refuses the model."""

ALL = "all"


def _layers(_ctx: click.Context, _param: click.Parameter, value: str) -> int | None:
    """A number, or None for all."""
    if value == ALL:
        return None
    if not value.isdecimal() or not int(value):
        raise click.BadParameter(f"give a number, or {ALL}")
    return int(value)


@click.command()
@click.argument("pairs", metavar="PAIRS", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--output",
    "-o",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the model; an earlier model of this program is replaced.",
)
@click.option(
    "--model",
    default=EMBEDDED,
    show_default=True,
    help="Base: a folder, a name on the Hugging Face hub, or the one that needs no hub.",
)
@click.option("--prefix", help="Put before each text.  [default: the model's query prompt]")
@click.option(
    "--max-tokens",
    type=click.IntRange(8),
    default=64,
    show_default=True,
    help="How far a text is read in training; the model keeps its own limit.",
)
@click.option("--steps", type=click.IntRange(1), default=300, show_default=True, help="At most.")
@click.option(
    "--batch-size",
    type=click.IntRange(2),
    default=64,
    show_default=True,
    help="Pairs in a step, of all devices together; the more, the more wrong answers for each.",
)
@click.option(
    "--mini-batch",
    type=click.IntRange(1),
    help="Pairs that are in memory at a time, for batches that do not fit (GradCache).",
)
@click.option("--learning-rate", type=float, default=1e-4, show_default=True, help="The highest.")
@click.option(
    "--layers",
    callback=_layers,
    default="4",
    show_default=True,
    metavar="N|all",
    help="How many of the last layers are trained.",
)
@click.option("--lora", type=click.IntRange(1), metavar="RANK", help="Train adapters instead.")
@click.option(
    "--matryoshka",
    type=click.IntRange(1),
    multiple=True,
    metavar="DIMS",
    help="Make vectors good when cut to so many dimensions, too. Repeatable.",
)
@click.option("--scale", type=float, default=20.0, show_default=True, help="Of cosines.")
@click.option(
    "--popularity",
    type=float,
    default=0.3,
    show_default=True,
    help="How far popular works are forgiven for being wrong answers so often: 0 to 1.",
)
@click.option(
    "--evaluate-every",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    metavar="STEPS",
    help="Measure recall, and write a checkpoint.",
)
@click.option(
    "--patience",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Stop after so many measurements without a new best; 0: never.",
)
@click.option("--seed", default=0, show_default=True, help="Same seed and CPU, same model.")
@click.option(
    "--device",
    type=click.Choice(("auto", "cuda", "mps", "cpu")),
    default="auto",
    show_default=True,
    help="Where it trains; several GPUs: torchrun --nproc-per-node N -m ingest finetune ...",
)
@click.option(
    "--dtype",
    type=click.Choice(("auto", "float32", "bfloat16")),
    default="auto",
    show_default=True,
    help="What it computes in; weights stay in float32.",
)
@click.option("--gradient-checkpointing", is_flag=True, help="Less memory for more time.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of the same run.")
@click.option(
    "--force", is_flag=True, help="Accept a model that the gate refuses; its card says so."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def finetune(
    ctx: click.Context,
    /,
    pairs: Path,
    folder: Path,
    model: str,
    prefix: str | None,
    max_tokens: int,
    device: str,
    dtype: str,
    layers: int | None,
    lora: int | None,
    matryoshka: tuple[int, ...],
    scale: float,
    popularity: float,
    mini_batch: int | None,
    resume: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
    **schedule: Any,  # noqa: ANN401 - options that bear the names of `Schedule`
) -> None:
    """Fine-tune an encoder on PAIRS, a folder that xlrec-ingest pairs has written.

    Texts of works that the same persons like come near each other, in whatever languages they are.
    The best checkpoint is kept, and compared with the base on persons that nothing was chosen by:
    recall of works in other languages, by pair of languages, with intervals. Where it is not better
    the model is marked as rejected, and the exit code is 1.

    \b
    Example: xlrec-ingest finetune pairs -o shop-encoder
             xlrec-ingest reindex shop --model shop-encoder
    """
    from ingest.finetuning.finetune import FinetuneJob
    from ingest.finetuning.finetune import finetune as run
    from ingest.finetuning.trainer import Schedule, computes_in_bf16, is_first, own_device

    device = own_device(device)
    job = FinetuneJob(
        pairs=pairs,
        folder=folder,
        model=model,
        schedule=Schedule(bf16=computes_in_bf16(dtype, device), **schedule),
        options=EncoderOptions(prefix=prefix, max_tokens=max_tokens, device=device),
        layers=layers,
        scale=scale,
        popularity=popularity,
        mini_batch=mini_batch,
        lora=lora,
        matryoshka=matryoshka,
        resume=resume,
        force=force,
    )
    with _bar(shown=not quiet and is_first()) as bar:
        task = bar.add_task("measuring the base", total=job.schedule.steps)

        def told(step: int, logs: Mapping[str, float]) -> None:
            shown = {"loss": "loss", "eval_recall": "recall"}
            new = [f"{name} {logs[key]:.3f}" for key, name in shown.items() if key in logs]
            bar.update(task, completed=step, description=", ".join(new) or "training")

        done = run(job, told)
    if not is_first():
        return
    if as_json:
        click.echo(orjson.dumps(done, option=orjson.OPT_INDENT_2))
    else:
        _show(done)
    if done["status"] == "rejected":
        ctx.exit(REFUSED)


def _bar(*, shown: bool) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    text = TextColumn("{task.description}")
    return Progress(text, *columns, console=Console(stderr=True), disable=not shown)


def _show(done: Mapping[str, Any]) -> None:
    console = Console()
    recall = f"recall@{done['k']}"
    table = Table("model", "calibration", recall)
    for row in done["results"]:
        table.add_row(row["model"], row["calibration"], row[recall])
    console.print(table)
    gain = done["gain"]
    grid = Table.grid(padding=(0, 2))
    change = f"{gain['mean']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    grid.add_row("gain", f"{change}, p = {gain['p_value']:.4f}, {done['persons']} persons")
    grid.add_row("calibration", f"{done['calibration']}, taken by run and reindex")
    grid.add_row("trained", f"{done['steps']} steps, {done['seconds']:.0f} s")
    grid.add_row("model", done["folder"])
    grid.add_row("verdict", "; ".join([done["status"], *done["reasons"]]))
    console.print(grid)
