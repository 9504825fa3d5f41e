"""Learned sparse weights: a model that weighs the tokens of a text, beside the encoder."""
