from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from finemri.refusal import Refusal
from finemri.training.weights import digest, load_weights, save_weights

TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "count": torch.tensor(7),
    "last": torch.randn(2, 3, 2, 2, 2).to(memory_format=torch.channels_last_3d),
}
HEADER = {"recipe": "tiny", "σ": 1.0, "nested": {"list": [1, 2], "none": None}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_weights(tmp_path / "new" / "w.safetensors", TENSORS, HEADER)
    return tmp_path / "new" / "w.safetensors"


def test_what_was_saved_comes_back(file: Path) -> None:
    tensors, header = load_weights(file)
    assert header == HEADER
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert [path.name for path in file.parent.iterdir()] == ["w.safetensors"]


def test_one_flipped_bit_is_found(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(Refusal, match="digest"):
        load_weights(file)


@pytest.mark.parametrize("keep", [0, 5, 100])
def test_half_a_file_is_refused(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(Refusal, match="damaged"):
        load_weights(file)


def test_other_peoples_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "theirs.safetensors")
    with pytest.raises(Refusal, match="did not write"):
        load_weights(tmp_path / "theirs.safetensors")
    with pytest.raises(Refusal, match="no weights file"):
        load_weights(tmp_path / "nowhere.safetensors")


def test_a_failed_write_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_weights(file, {"a": torch.ones(1)}, {})
    assert file.read_bytes() == before
    assert len(list(file.parent.iterdir())) == 1


def test_the_digest_tells_names_types_and_shapes_apart() -> None:
    variants: list[dict[str, torch.Tensor]] = [
        {"a": torch.zeros(2, 3)},
        {"b": torch.zeros(2, 3)},
        {"a": torch.zeros(3, 2)},
        {"a": torch.zeros(2, 3, dtype=torch.int32)},
        {"a": torch.zeros(2), "b": torch.zeros(4)},
    ]
    assert len({digest(variant) for variant in variants}) == len(variants)
    assert digest(dict(reversed(TENSORS.items()))) == digest(TENSORS)
