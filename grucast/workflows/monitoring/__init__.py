"""What monitors ask: how old things are, whether jobs run, whether intervals are still right."""
