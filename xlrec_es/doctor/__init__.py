"""Is the cluster fit, and is the index well?"""
