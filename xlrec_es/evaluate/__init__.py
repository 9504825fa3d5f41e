"""How good recommendations are on a team's own likes, and which weights are best."""
