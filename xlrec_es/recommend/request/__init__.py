"""From a history to searches: the profile, target languages, request bodies."""
