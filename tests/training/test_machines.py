"""Two processes, started by torchrun, learn what one learns."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from finemri.refusal import Refusal
from finemri.training.weights import load_weights
from tests.training import tiny


def test_two_processes_equal_one(tmp_path: Path, fabric: Fabric) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, tiny.__file__, "together", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=580,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    first, second = (ast.literal_eval((tmp_path / f"rank-{n}.txt").read_text()) for n in range(2))
    assert first == second
    together, _ = load_weights(tmp_path / "plain.safetensors")
    alone, _ = load_weights(tiny.train_plainly(tmp_path / "alone", fabric))
    untouched = tiny.generator(plain=True).state_dict()
    for name, tensor in alone.items():
        torch.testing.assert_close(together[name], tensor, rtol=1e-5, atol=1e-6)
        assert not torch.equal(tensor, untouched[name])
    own = sorted(path.name for path in (tmp_path / "checkpoints" / "round-000008").glob("own-*"))
    assert own == ["own-000.safetensors", "own-001.safetensors"]
    with pytest.raises(Refusal, match="processes = 2 and this one asks for 1"):
        tiny.train_plainly(tmp_path, fabric)
