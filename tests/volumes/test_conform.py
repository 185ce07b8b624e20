"""The grid of whole heads: a landmark stays where it is, there and back; and label maps on other grids."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from finemri.refusal import Refusal
from finemri.volumes.conform import SIZE, conform
from finemri.volumes.labels import nearest_labels, open_labels
from finemri.volumes.volume import Volume


def scan(shape: tuple[int, int, int], spacing: tuple[float, float, float], at: tuple[int, int, int]) -> Volume:
    """A dark scan with one bright block, its axes to the back, down and to the right."""
    voxels = np.zeros(shape, np.float32)
    voxels[tuple(slice(n, n + 4) for n in at)] = 7
    turned = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]]) * spacing
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turned, (-60, 80, 90)
    return Volume(voxels, affine)


def middle(where: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Centre of what is true, in RAS millimetres."""
    found: np.ndarray = affine[:3, :3] @ np.argwhere(where).mean(0) + affine[:3, 3]
    return found


def test_a_block_lies_where_it_lay_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finemri.volumes.conform.SIZE", 128)
    given = scan((60, 80, 44), (2.0, 1.5, 2.5), (20, 40, 30))
    head = conform(given)
    assert head.voxels.shape == (128,) * 3
    assert nib.orientations.aff2axcodes(head.affine) == ("L", "I", "A")
    assert np.linalg.norm(head.affine[:3, :3], axis=0).tolist() == [1, 1, 1]
    assert head.voxels.max() == pytest.approx(7)
    there = middle(head.voxels > 3.5, head.affine)
    assert np.abs(there - middle(given.voxels > 0, given.affine)).max() < 0.6, "half a voxel of 1 mm, and rounding"
    back = head.back((head.voxels > 3.5).astype(np.uint16))
    assert back.shape == given.shape
    assert np.array_equal(back > 0, given.voxels > 0)


def test_what_is_on_that_grid_already_stays_as_it_is() -> None:
    affine = np.array([[-1.0, 0, 0, 127.6], [0, 0, 1, -133.5], [0, -1, 0, 134.5], [0, 0, 0, 1]])
    voxels = np.zeros((SIZE,) * 3, np.float32)
    given = Volume(voxels, affine)
    head = conform(given)
    assert np.shares_memory(head.voxels, voxels)
    labels = np.ones((SIZE,) * 3, np.uint16)
    assert head.back(labels) is labels


def test_a_crop_of_a_head_is_refused() -> None:
    with pytest.raises(Refusal, match="whole heads"):
        conform(scan((35, 51, 35), (1, 1, 1), (3, 3, 3)))


def test_labels_on_another_grid_are_those_of_the_nearest_voxel() -> None:
    labels = np.arange(27, dtype=np.uint16).reshape(3, 3, 3)
    fine = np.diag([0.5, 0.5, 0.5, 1.0])
    fine[:3, 3] = -0.25
    found = nearest_labels(labels, np.eye(4), (6, 6, 8), fine)
    assert np.array_equal(found[:, :, :6], labels.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    assert not found[:, :, 6:].any(), "beyond the map there is nothing"


def test_label_maps_hold_whole_numbers(tmp_path: Path) -> None:
    for name, values in (
        ("good", [0, 1, 30_000]),
        ("half", [0, 0.5, 1]),
        ("below", [-1, 0, 1]),
        ("large", [0, 1, 4e4]),
    ):
        voxels = np.array(values, np.float32).reshape(3, 1, 1)
        nib.nifti1.Nifti1Image(voxels, np.eye(4)).to_filename(tmp_path / f"{name}.nii")
    labels, affine = open_labels(tmp_path / "good.nii")
    assert labels.ravel().tolist() == [0, 1, 30_000]
    assert np.array_equal(affine, np.eye(4))
    for name in ("half", "below", "large"):
        with pytest.raises(Refusal, match="whole numbers"):
            open_labels(tmp_path / f"{name}.nii")
