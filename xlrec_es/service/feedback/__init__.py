"""What users did and were shown: kept on disk at once, and written to Elasticsearch after it."""
