"""The log as a list of entries, one for each action: filtered, searched and counted."""
