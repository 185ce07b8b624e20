import json
import shutil
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from finemri.refusal import Refusal
from finemri.training.checkpoint import Checkpoints, Place

SETTINGS = {"header": {"features": 32, "losses": ["l1", "mse"]}, "seed": 3}


def place(total: int) -> Place:
    return Place(stage=0, round=total, total=total, journal=10 * total)


@pytest.fixture
def checkpoints(tmp_path: Path, fabric: Fabric) -> Checkpoints:
    """Three written, two kept."""
    made = Checkpoints(tmp_path, SETTINGS)
    for total in (5, 10, 15):
        made.write(fabric, place(total), {"weights": torch.full((3,), float(total))}, {"rate": [0.1, None, "x", True]})
    return made


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def test_the_newest_is_found_and_the_last_two_kept(checkpoints: Checkpoints) -> None:
    assert sorted(p.name for p in checkpoints.folder.iterdir()) == ["round-000010", "round-000015"]
    found = checkpoints.find()
    assert found == (checkpoints.folder / "round-000015", place(15))
    shared, own = checkpoints.read(found[0], rank=0)
    assert torch.equal(shared["weights"], torch.full((3,), 15.0))
    assert own == {"rate": [0.1, None, "x", True]}


def test_rounds_beyond_the_zeros_are_still_in_order(checkpoints: Checkpoints, fabric: Fabric) -> None:
    for total in (999_999, 1_000_000):
        checkpoints.write(fabric, place(total), {}, {})
    found = checkpoints.find()
    assert found is not None
    assert found[1].total == 1_000_000


def test_there_is_none_yet(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path, SETTINGS).find() is None


@pytest.mark.parametrize("file", ["shared.safetensors", "own-000.safetensors", "state.json"])
def test_a_damaged_one_is_refused_and_the_whole_one_named(checkpoints: Checkpoints, file: str) -> None:
    damage(checkpoints.folder / "round-000015" / file)
    with pytest.raises(Refusal, match=rf"round-000015 is damaged \({file} .*go on from round-000010, which is whole"):
        checkpoints.find()
    shutil.rmtree(checkpoints.folder / "round-000015")  # as the message says
    found = checkpoints.find()
    assert found is not None
    assert found[1] == place(10)


def test_a_missing_file_and_no_whole_one(checkpoints: Checkpoints) -> None:
    (checkpoints.folder / "round-000015" / "shared.safetensors").unlink()
    (checkpoints.folder / "round-000010" / "state.json").write_text("{")
    with pytest.raises(Refusal, match=r"shared.safetensors is missing.*begin anew, as no other is whole"):
        checkpoints.find()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"header": {"features": 64, "losses": ["l1", "mse"]}, "seed": 3}, "header.features = 32 .* 64"),
        ({"header": {"features": 32, "losses": ["l1", "gdl"]}, "seed": 3}, 'header.losses.1 = "mse" .* "gdl"'),
        ({"header": {"features": 32, "losses": ["l1"]}, "seed": 3}, "header.losses = "),
        ({"header": {"features": 32, "losses": ["l1", "mse"], "ema": 0.9}, "seed": 3}, "header.ema = .* 0.9"),
        ({"header": {"features": 32, "losses": ["l1", "mse"]}, "seed": 4}, "seed = 3 .* 4"),
    ],
)
def test_other_settings_are_refused_by_name(checkpoints: Checkpoints, other: dict[str, object], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        Checkpoints(checkpoints.folder.parent, other).find()


def test_settings_are_compared_as_the_file_has_them(checkpoints: Checkpoints) -> None:
    again = {"header": {"features": 32, "losses": ("l1", "mse")}, "seed": 3}
    assert Checkpoints(checkpoints.folder.parent, again).find() is not None


def test_what_a_killed_writer_left_is_swept(checkpoints: Checkpoints) -> None:
    for name in (".round-000020.tmp", ".round-000005.old"):
        (checkpoints.folder / name).mkdir()
        (checkpoints.folder / name / "shared.safetensors").write_bytes(b"half")
    found = checkpoints.find()
    checkpoints.sweep()
    assert checkpoints.find() == found
    assert len(list(checkpoints.folder.iterdir())) == 2


def test_where_a_run_stands_can_be_read_by_people(checkpoints: Checkpoints) -> None:
    content = json.loads((checkpoints.folder / "round-000015" / "state.json").read_text())
    assert content["place"] == {"stage": 0, "round": 15, "total": 15, "journal": 150}
    assert content["settings"] == SETTINGS
