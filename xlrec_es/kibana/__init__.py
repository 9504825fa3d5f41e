"""Data views, saved searches and dashboards for Kibana: made, checked and drawn without it."""
