"""Where records come from: files, folders, an index, rejected records."""
