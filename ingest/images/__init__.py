"""Pictures of items: found, read within bounds, encoded, and aligned with the catalog's texts."""
