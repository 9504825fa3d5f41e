"""New versions by another encoder, and back: `reencode` and `reencode-back`."""
