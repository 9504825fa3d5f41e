"""`xlrec-ingest adapt`."""

from __future__ import annotations

from pathlib import Path

import click

from ingest.cli.options.training import Asked, finish, progress, training_options
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.values import NumberRange


@sections.command()
@training_options(steps=500, learning_rate=5e-5)
@click.option(
    "--head-steps",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    metavar="N",
    help="Warm-up steps that train only the new masked-language-modeling head.",
)
@click.option(
    "--temperature",
    type=NumberRange(min=1),
    default=3.0,
    show_default=True,
    metavar="NUMBER",
    help="Sampling temperature of the languages: 1 is proportional, higher is more uniform.",
)
@click.option(
    "--general",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TSV file of translated sentences, a column for each language, that measures what general "
    "language is forgotten.",
    show_default="26 of its own, in 12 languages",
)
@click.pass_context
def adapt(
    ctx: click.Context,
    /,
    asked: Asked,
    head_steps: int,
    temperature: float,
    general: Path | None,
) -> None:
    """Train an encoder on the texts of PAIRS.

    \b
    Examples:
      xlrec-ingest adapt pairs -o shop-adapted
      xlrec-ingest finetune pairs --model shop-adapted -o shop-encoder

    It continues masked language modeling on the catalog's texts.

    PAIRS is a folder that xlrec-ingest pairs wrote. The trained weights are averaged with those of
    the base. The share is the best of those that still find translations of general sentences. A
    model that is not better than its base is marked as rejected, and the exit code is 4.
    """
    from ingest.finetune.training.adapt import METRIC, AdaptJob
    from ingest.finetune.training.adapt import adapt as run

    job = AdaptJob(asked.job(), head_steps=head_steps, temperature=temperature, general=general)
    names = {"loss": "loss", f"eval_{METRIC}": "less loss of other texts"}
    with progress(asked, job.training.schedule.steps, names) as told:
        done = run(job, told)
    finish(ctx, asked, done, {"taken": f"{done['alpha']:g} of what was trained"})
