"""`xlrec-ingest finetune`."""

from __future__ import annotations

from dataclasses import replace

import click

from ingest.cli.options.training import Asked, finish, progress, training_options
from xlrec_es.cli.options import sections

ALL = "all"


def _layers(_ctx: click.Context, _param: click.Parameter, value: str) -> int | None:
    """A number, or None for all."""
    if value == ALL:
        return None
    if not value.isdecimal() or not int(value):
        raise click.BadParameter(f"give a number, or {ALL}")
    return int(value)


@sections.command()
@training_options(
    steps=500,
    learning_rate=3e-4,
    batch="Pairs in a step, of all devices together; the more, the more wrong answers for each.",
)
@click.option(
    "--mini-batch",
    type=click.IntRange(1),
    metavar="N",
    help="Pairs that are in memory at a time, for batches that do not fit (GradCache).",
)
@click.option(
    "--layers",
    callback=_layers,
    default="4",
    show_default=True,
    metavar="N|all",
    help="How many of the last layers are trained.",
)
@click.option(
    "--lora", type=click.IntRange(1), metavar="N", help="Train adapters of rank N instead."
)
@click.option(
    "--matryoshka",
    type=click.IntRange(1),
    multiple=True,
    metavar="N",
    help="Make vectors good when cut to so many dimensions, too. Repeatable.",
)
@click.option(
    "--scale", type=float, default=20.0, show_default=True, metavar="NUMBER", help="Of cosines."
)
@click.option(
    "--popularity",
    type=float,
    default=0.3,
    show_default=True,
    metavar="NUMBER",
    help="How far popular works are forgiven for being wrong answers so often: 0 to 1.",
)
@click.option("--gradient-checkpointing", is_flag=True, help="Less memory for more time.")
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

    PAIRS is a folder that `xlrec-ingest pairs` has written.

    Texts of works that the same persons like come near each other, in whatever languages they are.
    The best checkpoint is kept, and compared with the base on persons that nothing was chosen by:
    recall of works in other languages, by pair of languages, with intervals. Where it is not better
    the model is marked as rejected, and the exit code is 4.
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
