"""Accounts, permissions, masking and the audit log. Every change goes through `door.py`: read that first."""
