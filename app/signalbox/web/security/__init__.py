"""Signing in, and the pages of users, masking and the audit log."""
