"""The ingest worker: encodes a catalogue and writes it into Elasticsearch."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent, unless somebody listens
