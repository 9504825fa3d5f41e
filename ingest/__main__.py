"""`python -m ingest`: the same as `xlrec-ingest`."""

from ingest.cli.main import main

main(prog_name="xlrec-ingest")
