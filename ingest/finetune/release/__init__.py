"""Whether an encoder is better than its base, and the folder it is written to with its card."""
