"""Segmenters of whole scans: files that belong together, brightness, and slices one by one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from finemri.networks.layered import LayeredNetwork
from finemri.recipes.judges import SliceBySlice, WholeHead, is_layered, open_layered
from finemri.refusal import Refusal
from finemri.shelf import find_judge
from finemri.volumes.volume import Volume
from tests.networks.test_layered import CLASSES, files

torch.set_num_threads(1)
REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "weights"
NAMES = ["nothing", "White Matter", "b", "c"]


@pytest.fixture
def network(tmp_path: Path) -> Path:
    layers, tensors = files()
    (tmp_path / "net.json").write_text(json.dumps(layers))
    (tmp_path / "net_labels.json").write_text(json.dumps(NAMES))
    save_file(tensors, tmp_path / "net.safetensors")
    return tmp_path


def test_either_file_of_a_network_will_do(network: Path) -> None:
    for ending in ("json", "safetensors"):
        assert is_layered(network / f"net.{ending}")
        opened, names = open_layered(network / f"net.{ending}")
        assert opened.classes == CLASSES
        assert names == {0: "nothing", 1: "White-Matter", 2: "b", 3: "c"}, "no blanks in the name of a measure"
    one, other = (find_judge(network / f"net.{ending}") for ending in ("json", "safetensors"))
    assert (one.name, one.digest) == ("net", other.digest)
    (network / "net_labels.json").unlink()
    assert open_layered(network / "net.json")[1] == {}
    assert find_judge(network / "net.json").digest != one.digest


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("net.json", "[", "cannot be read as JSON"),
        ("net.json", "[" * 100_000, "cannot be read as JSON"),
        ("net.json", None, "layer list beside"),
        ("net.safetensors", "oh", "safetensors"),
        ("net.safetensors", None, "no weights file"),
        ("net_labels.json", '{"0": "a"}', "no list of names"),
        ("net_labels.json", '["a", "b"]', "2 names, and the network tells 4"),
        ("net_labels.json", '["a", "b", "b", "c"]', "mend it"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    network: Path, name: str, text: str | None, sentence: str
) -> None:
    (network / name).unlink()
    if text is not None:
        (network / name).write_text(text)
    with pytest.raises(Refusal, match=sentence):
        open_layered(network / "net.json")


def test_a_head_is_shown_by_its_own_98th_percentile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the unit of a scan; and the percentile is that of the conformed grid."""
    monkeypatch.setattr("finemri.volumes.conform.SIZE", 20)
    monkeypatch.setattr("finemri.volumes.conform.SMALLEST", 10.0)
    voxels = np.random.default_rng(0).random((16, 14, 12), dtype=np.float32) ** 4
    shown: list[torch.Tensor] = []

    class Watched(LayeredNetwork):
        def labels(self, x: torch.Tensor) -> torch.Tensor:
            shown.append(x.clone())
            return super().labels(x)

    judge = WholeHead(Watched(*files()))
    once, again = (judge(Volume(voxels * np.float32(unit), np.eye(4))) for unit in (1, 512))
    assert once.shape == voxels.shape
    assert np.array_equal(once, again)
    assert torch.equal(shown[0], shown[1])
    assert (float(shown[0].min()), float(shown[0].max())) == (0, 1)
    assert (shown[0] == 1).float().mean() == pytest.approx(0.02, abs=2e-3)
    with pytest.raises(Refusal, match="Nearly all"):
        judge(Volume(np.zeros((16, 14, 12), np.float32), np.eye(4)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_judged_one_by_one_and_what_is_empty_holds_nothing(axis: int) -> None:
    voxels = np.moveaxis(np.arange(1, 61, dtype=np.float32).reshape(5, 4, 3), 0, axis).copy()
    first = (slice(None),) * axis + (0,)
    voxels[first] = 0
    judge = SliceBySlice(lambda image: (image > image.mean()).astype(np.int64) + 1, axis)
    found = judge(Volume(voxels, np.eye(4)))
    assert found.shape == voxels.shape
    assert not found[first].any()
    rest = np.moveaxis(found, axis, 0)[1:]
    assert all((piece == 2).sum() == 6 for piece in rest), "half of every slice"


@pytest.mark.skipif(not REAL.is_dir(), reason="the pretrained networks of ../shared/data/weights are not here")
@pytest.mark.parametrize(
    ("name", "classes", "called"), [("anatomy_18class", 18, "Hippocampus"), ("tissue_3class", 3, "Grey-Matter")]
)
def test_the_pretrained_networks_open(name: str, classes: int, called: str) -> None:
    judge = find_judge(REAL / f"{name}.json")
    assert judge.classes == classes
    assert called in judge.names.values()
