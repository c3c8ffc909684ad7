"""Signing in with a company account: OpenID Connect, the code flow with PKCE; roles come from a claim at each sign-in."""
