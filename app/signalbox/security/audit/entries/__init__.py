"""The log as a list: one line an action, found, filtered and counted."""
