"""The dashboards: which question each panel answers, and by which search."""
