"""How it is made smaller or faster."""
