"""The networks in torch: what is trained."""
