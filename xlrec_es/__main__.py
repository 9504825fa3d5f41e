"""`python -m xlrec_es`: the same as `xlrec-es`."""

from xlrec_es.cli.main import main

main()
