"""From interactions to indicators in the documents: learn, inherit, write."""
