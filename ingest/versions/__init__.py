"""New versions by another encoder, and back: `reindex` and `rollback` that encode."""
