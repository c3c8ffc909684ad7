"""Users, their sessions, tokens and one-time links."""
