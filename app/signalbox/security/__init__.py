"""Who may do what, and the record of it. Everything that changes something goes through `door.py`: read that first."""
