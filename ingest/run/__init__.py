"""`xlrec-ingest run`: from a source to an index in stages that work side by side."""
