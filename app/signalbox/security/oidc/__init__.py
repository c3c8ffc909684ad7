"""Signing in with single sign-on: OpenID Connect, the code flow with PKCE; roles come from a claim at each sign-in."""
