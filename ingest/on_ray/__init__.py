"""Several processes or machines, by Ray: an input in units, and items in blocks."""
