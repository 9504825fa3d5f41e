"""Into Elasticsearch: the index that is written, and in which mode."""
