"""Masking of payloads before they leave the service."""
