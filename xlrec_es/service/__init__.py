"""`xlrec-es serve`: recommendations over HTTP."""
