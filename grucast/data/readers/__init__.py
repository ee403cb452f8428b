"""Readers of file kinds: bytes in, rows of text cells out."""
