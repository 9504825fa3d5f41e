"""Online experiments: who sees which variant, and which of them users click."""
