"""Commands for trying things out on one machine: a local Elasticsearch, and a demo on it."""
