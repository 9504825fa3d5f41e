"""Commands for Kibana: its dashboards, made, checked and drawn."""
