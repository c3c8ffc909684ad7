"""Masking: what of a payload is hidden before it leaves the service."""
