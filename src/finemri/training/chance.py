"""Every source of random numbers that a round may draw from: set, taken down, put back."""

import hashlib
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def sow(*words: object) -> None:
    """Seed python, numpy and torch (each device) from `words`: other words, other numbers."""
    seed = int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:8], "little")
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  whoever draws from the global generator resumes as well
    torch.manual_seed(seed)


def chance() -> dict[str, Any]:
    """The states of all generators of this process and of its GPU, as tensors and plain values."""
    _, inner, gauss = random.getstate()
    _, keys, place, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
        "numpy": {
            "keys": torch.from_numpy(np.array(keys, np.int64)),
            "rest": [int(place), int(has_gauss), float(cached)],
        },
        "python": {"inner": torch.tensor(inner, dtype=torch.int64), "gauss": gauss},
    }


def restore_chance(state: Mapping[str, Any]) -> None:
    """Put the states of `chance` back."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    np.random.set_state(  # noqa: NPY002
        ("MT19937", state["numpy"]["keys"].numpy().astype(np.uint32), *state["numpy"]["rest"])
    )
    random.setstate((3, tuple(state["python"]["inner"].tolist()), state["python"]["gauss"]))


@contextmanager
def aside() -> Iterator[None]:
    """Whatever is drawn in here, the numbers after it are those that would have come without it."""
    state = chance()
    try:
        yield
    finally:
        restore_chance(state)
