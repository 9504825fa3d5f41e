"""Options of the commands that read pictures of items."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from ingest.images.options import ImageOptions

F = TypeVar("F", bound=Callable[..., Any])


def image_options(command: F) -> F:
    """Give a command the options of pictures; it gets `images`, None where nothing is said.

    It stands above `encoder_options`: pictures are encoded on the first device of texts.
    """

    @click.option(
        "--image",
        "image_field",
        metavar="FIELD",
        help="Field with an item's picture: a path below --image-root, an address of an "
        "--image-host, a data: URL, or Base64.",
        show_default="no pictures",
    )
    @click.option(
        "--image-model",
        metavar="MODEL",
        help="Encoder of pictures: a folder, or a name on the Hugging Face hub. One of pictures "
        "and texts (CLIP, SigLIP), or of pictures alone (ViT, DINOv2, ConvNeXT), which is aligned "
        "with the texts of the catalog.",
    )
    @click.option(
        "--image-root",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Folder that paths of pictures are relative to.",
        show_default="paths are refused",
    )
    @click.option(
        "--image-host",
        "image_hosts",
        multiple=True,
        metavar="HOST",
        help="Host, or HOST:PORT, that pictures are fetched from. One of a private network needs "
        "its address listed too. Repeatable.",
        show_default="addresses are refused",
    )
    @click.option(
        "--image-revision",
        metavar="STRING",
        help="Branch, tag or commit of an --image-model of the Hugging Face hub.",
        show_default="its main branch",
    )
    @functools.wraps(command)
    def wrapped(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        image_field: str | None,
        image_model: str | None,
        image_root: Path | None,
        image_hosts: tuple[str, ...],
        image_revision: str | None,
        device: str,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        images = ImageOptions.chosen(
            image_field,
            image_model,
            root=image_root,
            hosts=image_hosts,
            revision=image_revision,
            device=device,
        )
        return command(*args, images=images, device=device, **kwargs)

    return cast("F", wrapped)
