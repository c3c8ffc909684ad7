"""One version for all that is kept in memory of users, rights, sessions, tokens and masking rules."""
