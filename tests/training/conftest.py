"""What these tests share is a script as well (`tiny`), so the checkout must be on the path."""

import sys
from pathlib import Path

import pytest
from lightning_fabric import Fabric

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)
