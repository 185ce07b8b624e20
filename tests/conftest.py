"""What every test stands on: checked shapes, one thread, and real data where there is some."""

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

import tests.typecheck  # noqa: F401  # named below

install_import_hook("finemri", "tests.typecheck.check")  # before anything of finemri is imported
torch.set_num_threads(1)
settings.register_profile(
    "finemri",
    max_examples=30,
    derandomize=True,  # the same examples every time; --hypothesis-profile=explore draws others
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # as a busy machine is
)
settings.register_profile("explore", settings.get_profile("finemri"), max_examples=300, derandomize=False)
settings.load_profile("finemri")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """A test draws the same numbers alone, after others and next time."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans that stands beside a checkout, or a skip."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real scans of ../shared/data are not on this machine")
    return folder
