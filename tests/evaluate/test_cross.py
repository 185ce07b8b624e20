"""Every method under every kernel: one command, a folder for each, and one matrix."""

from pathlib import Path

import numpy as np
import pytest

from finemri import cli
from finemri.evaluate import evaluate_crossed
from finemri.evaluate.cross import KERNELS
from finemri.measures.tidy import read_rows
from finemri.refusal import Refusal
from tests.evaluate.test_enhancing import people
from tests.evaluate.test_guards import Odd, method, on_shelf, settings_of


def test_kernels_crossed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = {"settings": {"degradations": ["blur"], "sigma": 1.0}}
    on_shelf(monkeypatch, method(header, Odd(50.0)))
    into = tmp_path / "out"
    path = evaluate_crossed(people(tmp_path / "s", 2), ["learned"], into=into, kernels=("blur", "kspace"), device="cpu")
    lines = [line.split(",") for line in path.read_text().splitlines()]
    assert lines[0] == ["method", "learnt", "judged", "measure", "mean", "low", "high", "people"]
    assert {(line[0], line[1]) for line in lines[1:]} == {("learned", "blur")}
    assert [line[2] for line in lines[1:] if line[3] == "psnr"] == ["blur", "kspace"]
    assert KERNELS == ("blur", "kspace", "blur-0.7", "blur-1.3")
    value = {
        (r.subject, r.method, r.measure): r.value
        for r in read_rows(into / "kspace" / "measures.csv")
        if r.contract.mask == "head"
    }
    gain = np.mean([value[p, "learned", "psnr"] - value[p, "spline", "psnr"] for p in ("person-0", "person-1")])
    (found,) = (line for line in lines if line[2:4] == ["kspace", "psnr"])
    assert float(found[4]) == pytest.approx(gain)
    assert found[5:] == ["", "", "2"], "no interval of two people"
    assert "| learned | blur | **" in path.with_suffix(".md").read_text()
    assert settings_of(into / "blur" / "measures.csv")["kernels"]["learned"].endswith(
        "the same kernel, which is kinder than life"
    )


def test_a_scan_that_cannot_be_judged_costs_no_kernel(tmp_path: Path) -> None:
    scans, into = people(tmp_path / "s", 3), tmp_path / "out"
    (scans / "person-1.nii.gz").write_bytes(b"this is no scan")
    with pytest.raises(Refusal, match=r"^1 of 3 scans could not be judged, the others are done\. person-1: "):
        evaluate_crossed(scans, ["nearest"], into=into, kernels=("blur", "kspace"), device="cpu")
    cells = [line.split(",") for line in (into / "cross.csv").read_text().splitlines()[1:]]
    assert {(cell[2], cell[-1]) for cell in cells} == {("blur", "2"), ("kspace", "2")}
    with pytest.raises(Refusal, match="name another one"):
        evaluate_crossed(scans, ["spline"], into=into, device="cpu")
    with pytest.raises(Refusal, match="other settings"):
        evaluate_crossed(scans, ["nearest"], into=into, kernels=("blur", "kspace"), device="cpu", noise=0.1)


def test_cross_takes_no_other_degradation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--into", str(tmp_path), "--cohort", str(tmp_path), "--methods", "spline", "--cross"]
    assert cli.main([*words, "--degradation", "blur"]) != 0
    assert "--cross judges methods" in " ".join(capsys.readouterr().err.split())
