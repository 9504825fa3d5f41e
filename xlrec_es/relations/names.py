"""The relations whose lists are counted from events, by name. Pure."""

from __future__ import annotations

TRENDING = "trending"
BUY_AGAIN = "buy-again"

COUNTED = (TRENDING, BUY_AGAIN)
