"""Interactions beyond memory: sorted on disk by DuckDB, learned from in mapped matrices."""
