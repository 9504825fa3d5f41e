"""Lists for everybody at once, computed here from an index that is read once."""
