"""From texts to raw vectors: models, devices, processes, and encoders that run elsewhere."""
