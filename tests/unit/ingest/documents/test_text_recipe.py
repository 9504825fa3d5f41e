"""What a vector is made of: the texts that a recipe joins, and the fingerprint that names all."""

from __future__ import annotations

from fakes import HashEncoder
from ingest.documents.text_recipe import Recipe
from xlrec_es.vectors.language_centering import LanguageCentering


def test_a_recipe_joins_clean_texts() -> None:
    assert Recipe(("a", "b")).text([" <b>x</b> ", "", "\x00", "y  z"]) == "x\ny z"


def test_everything_that_makes_a_vector_is_in_the_fingerprint() -> None:
    encoder = HashEncoder()
    print_ = Recipe(("title", "text")).fingerprint(encoder, LanguageCentering.none())
    assert print_.recipe == "title, text; cleaning 1; first 512 tokens"
    chunked = Recipe(("title", "text"), "chunk").fingerprint(encoder, LanguageCentering.none())
    assert chunked.recipe == "title, text; cleaning 1; mean of windows of 512 tokens"
    assert (print_.model, print_.dims, print_.centering) == (encoder.model, encoder.dims, "none")
    assert (
        print_.digest
        != Recipe(("text", "title")).fingerprint(encoder, LanguageCentering.none()).digest
    )
