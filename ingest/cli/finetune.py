"""`xlrec-ingest finetune`."""

from __future__ import annotations

from dataclasses import replace

import click

from ingest.cli.options.training import Asked, finish, progress, training_options
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.values import NumberRange

ALL = "all"


def _layers(_ctx: click.Context, _param: click.Parameter, value: str) -> int | None:
    """A number, or None for all."""
    if value == ALL:
        return None
    if not value.isdecimal() or not int(value):
        raise click.BadParameter(f"give a number, or {ALL}")
    return int(value)


@sections.command()
@training_options(steps=500, learning_rate=3e-4)
@click.option(
    "--mini-batch",
    type=click.IntRange(1),
    metavar="N",
    help="Pairs in memory at a time, for batches that do not fit (GradCache).",
)
@click.option(
    "--layers",
    callback=_layers,
    default="4",
    show_default=True,
    metavar="N|all",
    help="Number of last layers to train.",
)
@click.option(
    "--lora",
    type=click.IntRange(1),
    metavar="N",
    help="Rank of LoRA adapters, which are trained in place of layers.",
)
@click.option(
    "--matryoshka",
    type=click.IntRange(1),
    multiple=True,
    metavar="N",
    help="Number of dimensions to train for Matryoshka truncation. Repeatable.",
)
@click.option(
    "--scale",
    type=NumberRange(min=0, min_open=True),
    default=20.0,
    show_default=True,
    metavar="NUMBER",
    help="Similarity scale (inverse temperature) of the loss.",
)
@click.option(
    "--popularity",
    type=NumberRange(0, 1),
    default=0.3,
    show_default=True,
    metavar="NUMBER",
    help="Strength of the popularity (logQ) correction of in-batch negatives, 0 to 1.",
)
@click.option("--gradient-checkpointing", is_flag=True, help="Save memory at the cost of time.")
@click.pass_context
def finetune(
    ctx: click.Context,
    /,
    asked: Asked,
    mini_batch: int | None,
    layers: int | None,
    lora: int | None,
    matryoshka: tuple[int, ...],
    scale: float,
    popularity: float,
    gradient_checkpointing: bool,
) -> None:
    """Fine-tune an encoder on PAIRS.

    \b
    Examples:
      xlrec-ingest finetune pairs -o shop-encoder
      xlrec-ingest reencode shop --model shop-encoder

    On several GPUs: torchrun --nproc-per-node 4 -m ingest finetune pairs -o shop-encoder

    PAIRS is a folder that `xlrec-ingest pairs` wrote.

    Texts of items that the same users like come near each other, in any languages. The best
    checkpoint is kept. It is compared with the base on users that no choice depended on: recall of
    items in other languages, by language pair, with intervals. A model that is not better than its
    base is marked as rejected, and the exit code is 4. A larger batch gives each pair more
    negatives.
    """
    from ingest.finetune.training.finetune import FinetuneJob
    from ingest.finetune.training.finetune import finetune as run
    from ingest.finetune.training.trainer import is_first

    training = asked.job()
    schedule = replace(training.schedule, gradient_checkpointing=gradient_checkpointing)
    job = FinetuneJob(
        replace(training, schedule=schedule),
        layers=layers,
        scale=scale,
        popularity=popularity,
        mini_batch=mini_batch,
        lora=lora,
        matryoshka=matryoshka,
    )
    # Of the processes that torchrun starts, one speaks.
    asked = replace(asked, quiet=asked.quiet or not is_first())
    with progress(asked, schedule.steps, {"loss": "loss", "eval_recall": "recall"}) as told:
        done = run(job, told)
    if is_first():
        finish(ctx, asked, done, {"trained": f"{done['steps']} steps"})
