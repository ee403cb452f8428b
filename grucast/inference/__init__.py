"""The networks in NumPy: what runs from cron."""
