"""How a run goes, told while it lasts and at its end: to people, log collectors and Prometheus."""
