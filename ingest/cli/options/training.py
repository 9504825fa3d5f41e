"""What commands that train have in common: options, a bar, and what is shown in the end."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ingest.cli.options.encoder import (
    device_option,
    model_option,
    prefix_option,
    prompt_name_option,
)
from ingest.encode.options import EMBEDDED, EncoderOptions, check_given
from xlrec_es.cli.options.console import Console
from xlrec_es.cli.options.outcome import REFUSED, print_json
from xlrec_es.cli.options.shared import files_read, json_option, quiet_option, seed_option
from xlrec_es.cli.options.values import NumberRange
from xlrec_es.output_files import refuse_inputs

if TYPE_CHECKING:  # it needs torch
    from ingest.finetune.training.session import TrainingJob

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Asked:
    """What all training is told on the command line; names are those of the options."""

    pairs: Path
    folder: Path
    model: str
    options: EncoderOptions
    dtype: str
    resume: bool
    force: bool
    quiet: bool
    as_json: bool
    times: Mapping[str, Any]

    def job(self) -> TrainingJob:
        """The same as a training takes it, on this process's device."""
        from ingest.finetune.training.session import TrainingJob
        from ingest.finetune.training.trainer import Schedule, computes_in_bf16, own_device

        device = own_device(self.options.device)
        return TrainingJob(
            self.pairs,
            self.folder,
            Schedule(bf16=computes_in_bf16(self.dtype, device), **self.times),
            model=self.model,
            options=replace(self.options, device=device),
            resume=self.resume,
            force=self.force,
        )


def training_options(*, steps: int, learning_rate: float) -> Callable[[F], F]:
    """Give a command these options; it receives them as `asked`.

    Args:
        steps: Default.
        learning_rate: Default.
    """
    options = [
        click.argument("pairs", metavar="PAIRS", type=click.Path(path_type=Path, file_okay=False)),
        click.option(
            "--output",
            "-o",
            "folder",
            required=True,
            type=click.Path(path_type=Path, file_okay=False),
            metavar="FOLDER",
            help="Folder for the model; an earlier model of this program is replaced.",
        ),
        model_option(click.option),
        prefix_option(click.option),
        prompt_name_option(click.option),
        click.option(
            "--max-tokens",
            type=click.IntRange(8),
            default=64,
            show_default=True,
            metavar="N",
            help="Tokens of a text that are read in training; the model keeps its own limit.",
        ),
        click.option(
            "--steps",
            type=click.IntRange(1),
            default=steps,
            show_default=True,
            metavar="N",
            help="Largest number of training steps.",
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(2),
            default=64,
            show_default=True,
            metavar="N",
            help="Training examples in a step, of all devices together.",
        ),
        click.option(
            "--learning-rate",
            type=NumberRange(min=0, min_open=True),
            default=learning_rate,
            show_default=True,
            metavar="NUMBER",
            help="Peak learning rate.",
        ),
        click.option(
            "--evaluate-every",
            type=click.IntRange(1),
            default=50,
            show_default=True,
            metavar="N",
            help="Steps after which the model is measured and a checkpoint written.",
        ),
        click.option(
            "--patience",
            type=click.IntRange(0),
            default=3,
            show_default=True,
            metavar="N",
            help="Measurements without a new best after which training stops; 0 never stops early.",
        ),
        seed_option,
        device_option(click.option),
        click.option(
            "--dtype",
            type=click.Choice(("auto", "float32", "bfloat16")),
            default="auto",
            show_default=True,
            help="Data type of computation; weights stay in float32.",
        ),
        click.option("--resume", is_flag=True, help="Continue from the last checkpoint."),
        click.option(
            "--force",
            is_flag=True,
            help="Accept a model that the gate refuses; its model card says so.",
        ),
        quiet_option,
        json_option,
    ]

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def wrapper(
            *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
            **given: Any,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            own = {name: given.pop(name) for name in ("pairs", "folder", "model", "dtype")}
            more = (given.get(name) for name in ("teacher", "general"))
            refuse_replaced(own["folder"], own["pairs"], own["model"], *more)
            flags = {name: given.pop(name) for name in ("resume", "force", "quiet", "as_json")}
            encoder = EncoderOptions(
                prefix=given.pop("prefix"),
                prompt_name=given.pop("prompt_name"),
                max_tokens=given.pop("max_tokens"),
                device=given.pop("device"),
            )
            names = ("steps", "batch_size", "learning_rate", "evaluate_every", "patience", "seed")
            times = {name: given.pop(name) for name in names}
            asked = Asked(**own, **flags, options=check_given(encoder), times=times)
            return command(*args, asked=asked, **given)

        for option in reversed(options):
            wrapper = option(wrapper)
        return wrapper  # type: ignore[return-value]

    return decorate


def refuse_replaced(folder: Path, *read: str | Path | None) -> None:
    """See that no model takes the place of what it is made of.

    Args:
        folder: For the model; an earlier one there is replaced.
        read: Folders and files that the command reads, and models by their names.

    Raises:
        UsageError: One of them is the folder, or is in it.
    """
    paths = [Path(one).expanduser() for one in read if one and one != EMBEDDED]
    inputs = (*paths, *files_read(click.get_current_context()))
    refuse_inputs(folder, inputs, option="--output", replaces=True)


@contextmanager
def progress(
    asked: Asked, steps: int, names: Mapping[str, str]
) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """A bar on standard error; gives what a training tells of its steps.

    Args:
        asked: Whether it is shown.
        steps: In all.
        names: For people, of what is measured.
    """
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(
        TextColumn("{task.description}"),
        *columns,
        console=Console(stderr=True),
        disable=asked.quiet,
    )
    with bar:
        task = bar.add_task("measuring the base", total=steps)

        def told(step: int, logs: Mapping[str, float]) -> None:
            new = [f"{name} {logs[key]:.3f}" for key, name in names.items() if key in logs]
            bar.update(task, completed=step, description=", ".join(new) or "training")

        yield told


def finish(
    ctx: click.Context, asked: Asked, done: Mapping[str, Any], more: Mapping[str, str]
) -> None:
    """Print the summary, and leave with `REFUSED` where the model is rejected."""
    if asked.as_json:
        print_json(done)
    else:
        _show(done, more)
    if done["status"] == "rejected":
        ctx.exit(REFUSED)


def show_results(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a model card's table of results.

    Args:
        console: Where.
        rows: All with the same columns.
    """
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)


def _show(done: Mapping[str, Any], more: Mapping[str, str]) -> None:
    console = Console()
    show_results(console, done["results"])
    gain = done["gain"]
    grid = Table.grid(padding=(0, 2))
    change = f"{gain['mean']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    grid.add_row("gain", f"{change}, p = {gain['p_value']:.4f}, {done['users']} users")
    grid.add_row("centering", f"{done['centering']}, taken by run and reencode")
    for name, value in more.items():
        grid.add_row(name, value)
    grid.add_row("seconds", f"{done['seconds']:.0f}")
    grid.add_row("model", done["folder"])
    grid.add_row("verdict", "; ".join([done["status"], *done["reasons"]]))
    console.print(grid)
