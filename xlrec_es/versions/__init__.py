"""Versions of an index behind its alias: list, create, fill, verify, swap, roll back."""
