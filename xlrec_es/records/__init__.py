"""Records of a catalog: how files hold them, and which of their fields is which."""
