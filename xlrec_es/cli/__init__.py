"""`xlrec-es`: a module for each command, of the command's own name."""
