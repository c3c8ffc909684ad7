"""Signalbox: a web dashboard and control plane for event-driven systems."""

__version__ = "0.1.0"
