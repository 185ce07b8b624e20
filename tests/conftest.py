"""What every test stands on: checked shapes, one thread, and real data where there is some."""

from pathlib import Path

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

import tests.typecheck  # noqa: F401  # named below

install_import_hook("finemri", "tests.typecheck.check")  # before anything of finemri is imported
torch.set_num_threads(1)
settings.register_profile("finemri", deadline=None, max_examples=30)
settings.load_profile("finemri")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans that stands beside a checkout, or a skip."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real scans of ../shared/data are not on this machine")
    return folder
