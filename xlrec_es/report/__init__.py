"""An evaluation as one HTML page with charts."""
