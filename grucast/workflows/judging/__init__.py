"""The parts of `evaluate`: files that anybody made, read, joined and lined up with what came true."""
