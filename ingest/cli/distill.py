"""`xlrec-ingest distill`."""

from __future__ import annotations

import click

from ingest.cli.options.training import Asked, finish, progress, training_options
from xlrec_es.cli.options import sections


@sections.command()
@training_options(steps=500, learning_rate=5e-5, batch="Texts in a step.")
@click.option(
    "--teacher",
    metavar="MODEL",
    help="Model whose vectors are learned, of as many dimensions.",
    show_default="the base as it is",
)
@click.option(
    "--source", metavar="LANG", help="Language of the originals.", show_default="that of most texts"
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="LANG",
    help="Language to be taught. Repeatable.",
    show_default="all others",
)
@click.pass_context
def distill(
    ctx: click.Context,
    /,
    asked: Asked,
    teacher: str | None,
    source: str | None,
    targets: tuple[str, ...],
) -> None:
    """Teach an encoder more languages.

    \b
    Examples:
      xlrec-ingest distill pairs --source en --target ko --target uk -o shop-taught

    It learns them by translations, from a teacher.

    PAIRS is a folder that xlrec-ingest pairs has written; renditions of a work are translations of
    each other. Each is taught to get the vector that the teacher makes of the original. Where the
    model is not better than its base, it is marked as rejected, and the exit code is 4.
    """
    from ingest.finetune.training.distil import METRIC, DistilJob
    from ingest.finetune.training.distil import distil as run

    job = DistilJob(asked.job(), teacher=teacher, source=source, targets=targets)
    names = {"loss": "loss", f"eval_{METRIC}": "cosine"}
    with progress(asked, job.training.schedule.steps, names) as told:
        done = run(job, told)
    cosine = f"{done['cosine before']:.3f} → {done['cosine after']:.3f}"
    finish(ctx, asked, done, {"translations": f"{done['translations']}, cosine {cosine}"})
