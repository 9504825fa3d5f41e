"""From one user's history to recommendations: the calls in their order, and who carries them."""
