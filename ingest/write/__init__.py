"""Into Elasticsearch: the index that is written, in which mode, and in bulk."""
