"""Fine-tune an encoder on what persons liked over language borders: pairs, training, gate."""
