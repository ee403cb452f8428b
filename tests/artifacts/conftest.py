"""A small model, the one that the fixture of format 1 holds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from grucast.core.results import Artifact

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="session")
def model() -> Artifact:
    spec = importlib.util.spec_from_file_location("make_format_1", FIXTURES / "make_format_1.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.model()


@pytest.fixture
def fixtures() -> Path:
    return FIXTURES
