"""`xlrec-ingest distill`."""

from __future__ import annotations

import click

from ingest.cli.options.training import Asked, finish, progress, training_options
from xlrec_es.cli.options import sections
from xlrec_es.cli.options.old_names import renamed_option


@sections.command()
@training_options(steps=500, learning_rate=5e-5)
@click.option(
    "--teacher",
    metavar="MODEL",
    help="Model whose vectors are learned; it has as many dimensions as the base.",
    show_default="the base as it is",
)
@renamed_option(
    "--source-language",
    "source",
    old=("--source",),
    metavar="LANG",
    help="Language of the originals.",
    show_default="that of most texts",
)
@renamed_option(
    "--target-language",
    "targets",
    old=("--target",),
    multiple=True,
    metavar="LANG",
    help="Language to teach. Repeatable.",
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
      xlrec-ingest distill pairs --target-language ko -o shop-taught

    It distills a teacher's vectors of the originals into those of their translations.

    PAIRS is a folder that xlrec-ingest pairs wrote; language versions of an item are translations
    of each other. A model that is not better than its base is marked as rejected, and the exit code
    is 4.
    """
    from ingest.finetune.training.distil import METRIC, DistilJob
    from ingest.finetune.training.distil import distil as run

    job = DistilJob(asked.job(), teacher=teacher, source=source, targets=targets)
    names = {"loss": "loss", f"eval_{METRIC}": "cosine"}
    with progress(asked, job.training.schedule.steps, names) as told:
        done = run(job, told)
    cosine = f"{done['cosine before']:.3f} → {done['cosine after']:.3f}"
    finish(ctx, asked, done, {"translations": f"{done['translations']}, cosine {cosine}"})
