"""The model file: one safetensors file with a manifest and a digest; nothing in it can run."""
