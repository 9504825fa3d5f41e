"""Users who ask to be forgotten: what is deleted, what is left out, and what still remembers."""
