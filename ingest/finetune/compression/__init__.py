"""How an encoder is made smaller or faster."""
