"""From texts to raw vectors: models, devices, processes, and a server that encodes."""
