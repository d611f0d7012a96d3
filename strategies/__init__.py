"""Strategies: base.py is the interface, and each of the others is one that ships."""
