"""The audit log: its page and /api/v1/audit."""
