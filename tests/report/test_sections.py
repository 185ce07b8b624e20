"""Sections of what may lie beside the measures: the numbers of its file, absent without it, refused if torn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finemri.measures import better_of
from finemri.measures.costs import Cost, write_costs
from finemri.measures.spectrum import radial_power
from finemri.measures.statistics import gains
from finemri.measures.structures import Judgement
from finemri.measures.tidy import write_table
from finemri.refusal import Refusal
from finemri.report import report
from finemri.report.found import find_jobs
from finemri.report.tables import groups_of
from tests.report.made import MINE, Page, folder, page_of, row, rows, with_images

OPTIONAL = ("Spectra", "Cost beside quality", "Label budgets", "Sizes of structures", "Kernels crossed", "Conventions",
            "Seeds", "Model cards")  # fmt: skip


def test_what_nobody_made_is_absent(tmp_path: Path) -> None:
    words = page_of(folder(tmp_path, rows())).words
    assert "Results" in words
    assert not set(OPTIONAL) & set(words)


def test_cost_is_that_of_its_file(tmp_path: Path) -> None:
    some = rows()
    folder(tmp_path, some, parameters={"other": 1234})
    costs = [Cost(f"anna-{n}", m, s * (n + 1), peak, "cpu")
             for m, s, peak in (("spline", 0.1, None), ("other", 2.0, 3 * 2**30)) for n in range(3)]  # fmt: skip
    write_costs(tmp_path / "cost.csv", costs)
    page = page_of(tmp_path)
    known = next(g for g in gains(some, "spline") if (g.method, g.measure) == ("other", "psnr"))
    found = next(numbers for name, numbers in page.rows if name == "other" and 1234 in numbers)
    assert found == pytest.approx([1234, 4.0, 6.0, 3 * 2**30, known.mean, known.low, known.high], rel=1e-12)
    spline = next(numbers for name, numbers in page.rows if name == "spline" and numbers[:1] == [0.2])
    assert spline == pytest.approx([0.2, 0.3]), "no parameters, no memory, no gain"
    assert any("Seconds a scan (median) against gain over spline" in words for words in page.words)
    (tmp_path / "cost.csv").write_text("seconds\n1\n")
    with pytest.raises(Refusal, match="is not a table"):
        report(tmp_path)


def test_label_budgets_are_those_of_the_sweep(tmp_path: Path) -> None:
    some = [row(f"p{n}", "zero-filled", 20.0 + n) for n in range(5)] + [row(f"p{n}", "net", 25.0) for n in range(5)]
    folder(tmp_path / "exam", some)
    runs = [(1, 0, 23.5), (1, 1, 24.5), (6, 0, 26.0), (6, 1, 27.0)]
    head = ("labelled people", "seed", "measure", "mean over people")
    write_table(tmp_path / "budget.csv", [head, *((b, s, "psnr", repr(v)) for b, s, v in runs)])
    page = page_of(tmp_path)
    found = {name: numbers for name, numbers in page.rows if name in ("1", "6") and len(numbers) == 4}
    assert found == {"1": [24.0, 2.0, 23.5, 24.5], "6": [26.5, 4.5, 26.0, 27.0]}
    assert any("dashed: zero-filled" in words for words in page.words)
    write_table(tmp_path / "budget.csv", [head, ("many", 0, "psnr", 1.0)])
    with pytest.raises(Refusal, match="is not a table as finemri writes it"):
        report(tmp_path)


def test_kernels_crossed(tmp_path: Path) -> None:
    folder(tmp_path / "blur", rows())
    folder(tmp_path / "kspace", rows())
    head = ("method", "learnt", "judged", "measure", "mean", "low", "high", "people")
    lines = [("a", "blur and noise", "blur", "psnr", 3.0, 2.0, 4.0, 8),
             ("a", "blur and noise", "kspace", "psnr", -1.5, -2.0, -1.0, 8),
             (MINE, "kspace", "kspace", "psnr", 1.0, "", "", 3)]  # fmt: skip
    write_table(tmp_path / "cross.csv", [head, *lines])
    page = page_of(tmp_path)
    found = [numbers for name, numbers in page.rows if name == "a"]
    assert found == [[3.0, 2.0, 4.0, -1.5, -2.0, -1.0]], "once, though two jobs are of it"
    assert page.tags["strong"] == 2, "judged on what it learnt from"
    assert "judged on kspace" in page.words
    assert sum("--cross --scale 2 --into DIR" in words for words in page.words) == 2, "one command made both"
    (tmp_path / "cross.csv").write_text(",".join(head) + "\na,b,blur,psnr,high,1,2,3\n")
    with pytest.raises(Refusal, match=r"cross\.csv is not a table"):
        report(tmp_path)


def test_many_structures_do_not_flood_the_results(tmp_path: Path) -> None:
    """The means over structures stand for them, where there are means; all of them follow below."""
    judgement = Judgement("net", "slice by slice", "the truth", {})
    some = rows(2)
    for kind in ("volume", "dice", "sis", "surface", "hausdorff95"):
        for label in (1, 2, None):
            contract = judgement.contract(kind, label, 2)
            some += [replace(r, measure=contract.measure, contract=contract) for r in rows(2) if r.measure == "psnr"]
    (job,) = find_jobs(folder(tmp_path / "all", some))
    main = {group.key[3] for group in groups_of(job, 0.05) if group.is_main}
    assert main == {"psnr", "ssim", "gradient-energy", "dice-mean", "sis-mean", "surface-mean"}
    page = " ".join(page_of(job.folder).words)
    main_part, _, below = page.partition("Every other measure")
    assert "Dice of label 1" not in main_part.partition("Failures")[0]
    assert "Dice of label 1" in below
    (slices,) = find_jobs(folder(tmp_path / "slices", [row for row in some if not row.measure.endswith("-mean")]))
    assert {"dice-1", "dice-2", "sis-1"} <= {group.key[3] for group in groups_of(slices, 0.05) if group.is_main}


def test_of_outlines_none_is_best() -> None:
    assert better_of("surface-1") == better_of("hausdorff95-mean") == ("lower", 0.0)
    assert better_of("dice-mean") == ("higher", 1.0)
    assert better_of("volume-1")[0] is None


def test_doubts_are_told_and_nobody_is_named(tmp_path: Path) -> None:
    crimes = {"anna-0": ["8-bit origin."], "anna-1": ["8-bit origin."], "anna-1#2": ["8-bit origin."]}
    everybody = {f"anna-{n}": ["zero-padded k-space"] for n in range(8)}
    told = {name: crimes.get(name, []) + everybody.get(name, []) for name in crimes | everybody}
    some = [replace(r, contract=replace(r.contract, data="JPEG" if r.person == "anna-4" else "8-bit origin."))
            for r in rows()]  # fmt: skip
    path = folder(
        tmp_path, some, crimes=told, seen={"other": "saw 3 of <these> people."}, kernels={"other": "blur, σ 1"}
    )
    text = report(path).read_text()
    page = Page(text)
    assert "8-bit origin (2 of 8 people: person 1, person 2)." in page.words
    assert "zero-padded k-space (all people)." in page.words
    assert "Numbers of 1 of 8 people: JPEG." in page.words
    assert "saw 3 of <these> people." in page.words
    assert "blur, σ 1" in page.words
    assert "anna" not in text


def test_spectra_by_hand(tmp_path: Path) -> None:
    images = with_images(folder(tmp_path, rows()))
    page = page_of(tmp_path)
    found = {name: numbers for name, numbers in page.rows if len(numbers) == 4 and name in ("spline", "other")}
    assert found["spline"] == pytest.approx([20 * np.log10(0.9)] * 4), "all of it a tenth darker, at every fineness"
    truth, made = (np.abs(np.load(images / f"anna-0_{name}.npy")) for name in ("truth", "other"))
    powers = [np.mean([radial_power(stack[n : n + 1])[1] for n in range(3)], axis=0) for stack in (truth, made)]
    assert found["other"][3] == pytest.approx(10 * np.log10(powers[1][-1] / powers[0][-1]))
    for person in range(8):
        np.save(images / f"anna-{person}_other.npy", np.full((3, 40, 30), np.nan))
    assert not [name for name, numbers in page_of(tmp_path).rows if name == "other" and len(numbers) == 4]
