"""Lists by other relations than taste: what trends in a market, and what a user buys again."""
