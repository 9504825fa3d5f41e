"""The endpoints under `/v1` that answer, and what they take and give."""
