"""The parts of `update`: which rows are new, settings as options, what is trained on, what is judged."""
