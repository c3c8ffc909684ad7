"""Limits that are counted in reading intervals."""

STALE_INTERVALS = 3  # one late and one lost answer are normal; after three intervals without one, data is stale
