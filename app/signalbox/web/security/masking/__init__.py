"""The page Masking and /api/v1/masking-rules: for admins everywhere."""
