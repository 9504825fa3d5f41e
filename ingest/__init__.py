"""The ingest worker: encodes a catalogue and writes it into Elasticsearch."""
