"""Placements: named, stored options and rules of a shelf, with checks, versions and experiments."""
