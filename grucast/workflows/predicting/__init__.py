"""The parts of `forecast`: the covariates ahead, the table, the kept history."""
