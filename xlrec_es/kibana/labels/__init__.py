"""What fields are called in Kibana, and what they mean."""
