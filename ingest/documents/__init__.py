"""From a record to its documents: fields, languages, clean text, duplicates."""
