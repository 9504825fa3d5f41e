"""What can be evaluated."""

from __future__ import annotations

LISTS, RANK, SEARCH = "lists", "rank", "search"
TASKS = (LISTS, RANK, SEARCH)
