"""Fit a network to windows."""
