"""What our index holds: its mapping, its `_meta.xlrec`, its fields, and what hits say."""
