"""Commands on what users were shown and did: compare it, or forget a user."""
