"""Elasticsearch: connect, ask what it can do, read an index whole, write in bulk, what keys may."""
