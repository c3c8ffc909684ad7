"""One version number for users, rights, sessions, tokens and masking rules, so that caches can follow."""
