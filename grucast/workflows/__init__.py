"""One file a command, plain functions: this is also the Python API."""
