"""Frozen values, errors and the registry: what every other room may rely on."""
