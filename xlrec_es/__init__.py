"""Cross-language recommendations inside the Elasticsearch that a team already runs."""

__version__ = "0.1.0"
