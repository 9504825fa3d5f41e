"""Vectors: who makes them, what made them, and how languages are brought together."""
