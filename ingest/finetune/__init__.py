"""Fine-tune an encoder on what users liked over language borders: pairs, training, gate."""
