"""Lesions in the truth: kept by who keeps everything, halved by who halves contrast, and placed where tissue is."""

from pathlib import Path

import numpy as np
import pytest

from finemri.evaluate import evaluate
from finemri.evaluate.lesions import CONTRAST, SIGNS, judge_lesions, place
from finemri.measures import OF_LESIONS, title_of
from finemri.measures.mask import head_mask
from finemri.measures.tidy import read_rows
from finemri.refusal import Refusal
from finemri.report import report
from finemri.volumes.files import save_volume
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.volume import Volume
from tests.heads import textured_head

SIZE = 6.0


@pytest.fixture(scope="module")
def head() -> Volume:
    return Volume(textured_head((32, 34, 30), (13, 14, 12), 3), np.diag([1.0, 1.0, 1.0, 1.0]))


def scores(head: Volume, gain: float) -> dict[str, float]:
    """Of a method that gives back the truth, its lesion by ``gain``."""
    inside = head_mask(head.voxels)
    told = judge_lesions(
        head,
        inside,
        head.voxels,
        (SIZE,),
        bring_back=lambda truth: head.voxels + np.float32(gain) * (truth.voxels - head.voxels),
        scale=2,
        word="0 p0",
        crop="none",
    )
    return {name: value for name, value, _ in told}


def test_who_keeps_everything_keeps_lesions(head: Volume) -> None:
    found = scores(head, 1.0)
    assert len(found) == len(SIGNS) * len(OF_LESIONS)
    for sign in SIGNS:
        assert found[f"recovery-{sign}-6mm"] == pytest.approx(1, abs=1e-4)
        assert found[f"lesiondice-{sign}-6mm"] > 0.9
        assert found[f"elsewhere-{sign}-6mm"] == pytest.approx(0, abs=1e-5)
        assert found[f"invented-{sign}-6mm"] == 0


def test_who_halves_contrast_is_told_so(head: Volume) -> None:
    found = scores(head, 0.5)
    assert found["recovery-dark-6mm"] == pytest.approx(0.5, abs=1e-4)
    assert title_of("recovery-dark-6mm") == "contrast recovered, dark lesion of 6 mm"


def test_a_lesion_lies_in_the_head_and_is_drawn_by_its_word(head: Volume) -> None:
    inside = head_mask(head.voxels)
    contrast = -CONTRAST * NORMALISERS["percentile"](head.voxels).scale
    lesion = place(head, inside, SIZE, contrast, "0 p0 6 dark")
    assert lesion == place(head, inside, SIZE, contrast, "0 p0 6 dark")
    assert len({place(head, inside, SIZE, contrast, f"{n}").centre for n in range(8)}) > 1
    p = lesion.profile(head.shape, head.spacing)
    assert inside[p > 0].all()
    assert (lesion.put_into(head.voxels, head.spacing)[p > 0.5].mean() > 0).all()
    with pytest.raises(Refusal, match="No lesion of 60 mm fits"):
        place(head, inside, 60.0, contrast, "x")


def test_evaluate_judges_lesions_and_the_page_shows_them(head: Volume, tmp_path: Path) -> None:
    scans, into = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    save_volume(head, scans / "p0.nii.gz")
    path = evaluate(scans, ["nearest", "spline"], degradation="blur", into=into, lesions=(4, 8))
    found = {(row.method, row.measure): row.value for row in read_rows(path)}
    for method in ("nearest", "spline"):
        assert 0.2 < found[method, "recovery-bright-4mm"] < found[method, "recovery-bright-8mm"] < 1.2
    page = report(into).read_text(encoding="utf-8")
    assert "Lesions kept and made up" in page
    assert f'value="{found["spline", "recovery-bright-8mm"]!r}"' in page
    assert "--lesions 4 8" in page
    with pytest.raises(Refusal, match="other settings"):
        evaluate(scans, ["spline"], degradation="blur", into=into)
    with pytest.raises(Refusal, match="diameters above 0"):
        evaluate(scans, ["spline"], degradation="blur", into=tmp_path / "other", lesions=(-1,))
