"""Recurrent cells in torch, one file each."""
