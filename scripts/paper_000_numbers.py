"""The tables of docs/papers/000.md, from what scripts/paper_000.py examined and watched."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from paper_000_systems import BATCH, CLAIMS, SCANNING, Run

from finemri.cohorts.cohort import Cohort
from finemri.losses.fidelity import mean_absolute
from finemri.measures.tidy import read_rows, write_table, write_text
from finemri.networks.channels import zero_filled

MEASURES = ("snr", "psnr", "ssim-slices", "hfen")

Numbers = dict[tuple[str, int, float, str], dict[str, float]]
"""Run, seed, acceleration, measure -> person -> number, over the full field."""


def gather(labels: Mapping[str, str], into: Path) -> Numbers:
    """All numbers, and runs.csv: one row a run, seed, acceleration and measure."""
    numbers: Numbers = {}
    for table in sorted(into.glob("exam-*/measures.csv")):
        acceleration = float(table.parent.name.removeprefix("exam-"))
        for row in read_rows(table):
            run, seed = labels.get(row.method, f"{row.method} 0").split()
            if row.contract.mask == "full" and row.measure in MEASURES and "@" not in run:
                numbers.setdefault((run, int(seed), acceleration, row.measure), {})[row.subject] = row.value
    rows = [
        [run, seed, f"{r:g}", measure, len(of), repr(fmean(of.values())), repr(stdev(of.values()))]
        for (run, seed, r, measure), of in numbers.items()
    ]
    write_table(into / "runs.csv", [["run", "seed", "R", "measure", "people", "mean", "sd over people"], *rows])
    return numbers


def tabulate(wanted: Mapping[str, Run], numbers: Numbers, into: Path) -> None:
    """tables.md: the page's table, one line a run: mean over people of the mean over seeds, and its span over seeds."""
    lines = ["| | R | rounds | seeds | SNR / dB | PSNR / dB | SSIM | HFEN |", "|" + "---|" * 8]
    for run, acceleration in dict.fromkeys((run, r) for run, _, r, _ in numbers):
        found = {measure: seeds_of(numbers, run, measure, acceleration) for measure in MEASURES}
        recipe = wanted[run].recipe if run in wanted else None
        rounds = f"{recipe.l1_rounds} + {recipe.adversarial_rounds}" if recipe else ""
        cells = [run, f"{acceleration:g}", rounds, str(len(found["snr"])) if recipe else ""]
        for measure, each in found.items():
            means = [fmean(of.values()) for of in each]
            digits = 2 if measure in ("snr", "psnr") else 3
            span = f" ({min(means):.{digits}f}…{max(means):.{digits}f})" if len(means) > 1 else ""
            cells.append(f"{fmean(means):.{digits}f}{span}")
        lines.append(f"| {' | '.join(cells)} |")
    write_text(into / "tables.md", "\n".join(lines) + "\n")


def compare(numbers: Numbers, into: Path) -> None:
    """compared.csv: the mean difference over people, each the mean over seeds; 95 % bootstrap; and seed by seed."""
    rows: list[list[object]] = [
        ["better", "than", "measure", "people", "seeds", "difference", "low", "high", "by seed"]
    ]
    rng = np.random.default_rng(0)
    for better, than in CLAIMS:
        for measure in MEASURES:
            one, other = (seeds_of(numbers, run, measure) for run in (better, than))
            if not one or not other:
                continue
            people = sorted(one[0])
            averaged = [np.mean([[of[p] for p in people] for of in each], axis=0) for each in (one, other)]
            difference = averaged[0] - averaged[1]
            drawn = difference[rng.integers(len(people), size=(2000, len(people)))].mean(axis=1)
            low, high = np.quantile(drawn, (0.025, 0.975))
            both = zip(one, other, strict=True) if len(one) == len(other) else ((a, other[0]) for a in one)
            by_seed = " ".join(f"{fmean(a[p] - b[p] for p in people):+.3f}" for a, b in both)
            numbers_of = (float(difference.mean()), float(low), float(high))
            rows.append([better, than, measure, len(people), f"{len(one)}/{len(other)}", *numbers_of, by_seed])
    write_table(into / "compared.csv", rows)


def seeds_of(numbers: Numbers, run: str, measure: str, acceleration: float = 3.0) -> list[dict[str, float]]:
    """Person -> number, of every seed of a run."""
    return [of for (r, _, a, m), of in sorted(numbers.items()) if (r, a, m) == (run, acceleration, measure)]


Curves = dict[str, list[tuple[int, float, float]]]


def watch(wanted: Mapping[str, Run], trained: Mapping[str, Path], people: Cohort, into: Path) -> Curves:
    """curves.csv: PSNR and L1 (complex) of the people who are watched, against rounds; round 0 is zero-filled."""
    curves: Curves = {}
    for run, path in trained.items():
        name, seed = run.split()
        lines = map(json.loads, (path.parent / "journal.jsonl").read_text().splitlines())
        curves[run] = [beginning(wanted[name].acceleration, int(seed), people), *points(lines)]
    rows = [[run, *point] for run, of in curves.items() for point in of]
    write_table(into / "curves.csv", [["run", "round", "psnr", "l1"], *rows])
    return curves


def beginning(acceleration: float, seed: int, people: Cohort) -> tuple[int, float, float]:
    """Round 0: the zero-filled images of the examples that the verb train validates with."""
    scanning = replace(SCANNING, accelerations=(acceleration,))
    source = scanning.examples([people], [1.0], batch=BATCH, seed=seed + 1)
    errors, distances = [], []
    for example in (source[n] for n in range(16)):
        made = zero_filled(*(example[key][None] for key in ("kspace", "mask", "sensitivities")))
        errors.append(-10 * math.log10(float((made - example["image"]).abs().square().mean())))
        distances.append(float(mean_absolute(made, example["image"][None])))
    return 0, fmean(errors), fmean(distances)


def points(lines: Iterator[Mapping[str, Any]]) -> Iterator[tuple[int, float, float]]:
    """Round, PSNR, L1."""
    for line in lines:
        if "validation.psnr" in line:
            yield int(line["round"]), line["validation.psnr"], line["validation.l1"]
