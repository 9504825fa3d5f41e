"""From interactions to indicators in the documents: learn, borrow, write."""
