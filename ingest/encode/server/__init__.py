"""An encoder over HTTP: its own endpoints and OpenAI's, and texts of many callers in one pass."""
