"""A first configuration file, proposed from what a catalog and its interactions look like."""
