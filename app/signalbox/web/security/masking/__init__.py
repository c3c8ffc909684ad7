"""Masking: its page and /api/v1/masking-rules, for admins everywhere."""
