"""Commands around the HTTP service: it, and the placements that it serves."""
