"""What ships is what was released; and what self-super-resolution starts from."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from finemri import shelf, trained
from finemri.measures.fidelity import psnr
from finemri.physics.slices import Slices
from finemri.recipes.self_super import SelfSuper, self_super
from finemri.refusal import Refusal
from finemri.volumes.volume import Volume
from tests.heads import textured_head

START = trained.SELF_SUPER_START


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of weights of its own, with a copy of what selfsuper starts from."""
    own = trained.weights_folder()
    (tmp_path / "index.json").write_text(json.dumps({START: trained.shipped_index()[START]}))
    shutil.copy(own / f"{START}.safetensors", tmp_path)
    monkeypatch.setattr(trained, "weights_folder", lambda: tmp_path)
    return tmp_path


def test_two_rounds_from_the_shipped_start_are_nearer_to_the_truth_than_two_cold_ones() -> None:
    truth = textured_head((48, 48, 48), (20, 20, 20), seed=3)
    scan = Volume(Slices(2, 3.0, 3.0)(torch.from_numpy(truth)).numpy(), np.diag([1.0, 1.0, 3.0, 1.0]))
    few = SelfSuper(rounds=2, batch=2)
    cold = self_super(scan, settings=few, precision="fp32").volume
    started = self_super(scan, settings=few, start=trained.self_super_start(), precision="fp32").volume
    assert psnr(started.voxels, truth) > psnr(cold.voxels, truth) + 0.5


def test_the_start_is_of_the_default_network_only() -> None:
    scan = Volume(textured_head((30, 30, 10), (12, 12, 5), seed=3), np.diag([1.0, 1.0, 3.0, 1.0]))
    with pytest.raises(Refusal, match="another network"):
        self_super(scan, settings=replace(SelfSuper(rounds=1), blocks=2), start=trained.self_super_start())


def test_a_start_that_was_altered_is_refused(installed: Path) -> None:
    assert sum(tensor.numel() for tensor in trained.self_super_start().values()) == 150_656
    path = installed / f"{START}.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(Refusal, match="not those that were released"):
        trained.self_super_start()
    path.unlink()
    with pytest.raises(Refusal, match="missing from this installation"):
        trained.self_super_start()


@pytest.mark.parametrize("by", [START, str(trained.weights_folder() / f"{START}.safetensors")])
def test_the_start_is_no_method_of_any_job(by: str) -> None:
    finders = (lambda: shelf.find_method(by, 2), lambda: shelf.find_restorer(by), lambda: shelf.find_segmenter(by))
    for find in finders:
        with pytest.raises(Refusal, match="belongs to selfsuper, which learns from each scan anew"):
            find()


def test_every_shipped_file_is_the_released_one_and_has_a_card() -> None:
    for name, facts in trained.shipped_index().items():
        path = trained.weights_folder() / f"{name}.safetensors"
        assert facts["sha256"] in path.with_suffix(".md").read_text(), name
        if facts.get("job") != "start":
            assert trained.find_trained(name, facts.get("job", "super-resolve")).digest == facts["sha256"]


def test_no_weights_for_a_scale_tells_those_that_there_are() -> None:
    with pytest.raises(Refusal, match=r"×3, faithful; there are (?!.*kspace)(?!.*start).*volume-x2-faithful"):
        trained.default_weights(3, "faithful")
