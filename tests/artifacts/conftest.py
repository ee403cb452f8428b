"""Small models, those that the fixtures of each format hold."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from grucast.core.results import Artifact

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="session")
def made() -> Callable[[int], Artifact]:
    """The model that the fixture of a format was made of."""

    def model(number: int) -> Artifact:
        name = f"make_format_{number}"
        spec = importlib.util.spec_from_file_location(name, FIXTURES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.model()

    return model


@pytest.fixture(scope="session")
def model(made) -> Artifact:
    return made(2)


@pytest.fixture
def fixtures() -> Path:
    return FIXTURES
