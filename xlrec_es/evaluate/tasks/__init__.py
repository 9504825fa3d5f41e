"""Evaluations of what is no list: given documents in order, and a search for words."""
