"""Where records come from: files, folders, an index, what was set aside."""
