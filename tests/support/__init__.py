"""Peers and tools of the end-to-end tests."""
