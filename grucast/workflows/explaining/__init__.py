"""The parts of `explain`: what is meant, the contributions as rows and as JSON, their picture."""
