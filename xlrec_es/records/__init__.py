"""Records of a catalogue: how files hold them, and which of their fields is which."""
