"""The parts of `tune`: what is searched, on which rows it is validated, one trial, the study, the TOML."""
