"""What a vector is made of: the texts that a recipe joins, and the fingerprint that names all."""

from __future__ import annotations

from fakes import HashEncoder
from ingest.documents.text_recipe import Recipe
from xlrec_es.vectors.calibration import Calibration


def test_a_recipe_joins_clean_texts() -> None:
    assert Recipe(("a", "b")).text([" <b>x</b> ", "", "\x00", "y  z"]) == "x\ny z"


def test_everything_that_makes_a_vector_is_in_the_fingerprint() -> None:
    encoder = HashEncoder()
    print_ = Recipe(("title", "text")).fingerprint(encoder, Calibration.none())
    assert print_.recipe == "title, text; cleaning 1; first 512 tokens"
    chunked = Recipe(("title", "text"), "chunk").fingerprint(encoder, Calibration.none())
    assert chunked.recipe == "title, text; cleaning 1; mean of windows of 512 tokens"
    assert (print_.model, print_.dims, print_.calibration) == (encoder.model, encoder.dims, "none")
    assert (
        print_.digest != Recipe(("text", "title")).fingerprint(encoder, Calibration.none()).digest
    )
