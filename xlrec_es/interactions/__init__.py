"""What people did: histories, likes and logs, read from files and indices, and weighed."""
