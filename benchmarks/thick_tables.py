"""What thick_slices.py measured, as docs/thick-slices.md has it: two tables in Markdown, and a figure of spectra."""

import io
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from finemri.landing import landing_file
from finemri.measures.across import Across
from finemri.report.charts import Series, chart
from finemri.report.raster import raster_of
from finemri.report.standalone import alone
from thick_methods import Method, Results

Setting = tuple[float, float, int]
"""Thickness in mm, gap as a share of it, axis."""
Cells = Mapping[Setting, tuple[object, ...]]
BANDS = {"below": "below the slices' Nyquist", "twice": "1–2×", "above": "2×–voxels' Nyquist"}
FIGURE_MM = 5.0
FLOOR = -40.0
"""dB below which a figure does not go: nothing is left there."""


def fidelity_table(results: Results, cells: Cells, methods: Sequence[Method]) -> Iterator[str]:
    """PSNR over the spline's, SSIM and HFEN of spline and the first weights; what was not measured is a dash. Last,
    means over the axes and gaps of each thickness."""
    others = [method for method in methods if method.name != "spline"]
    best = _first_learned(methods)
    titles = ["slices", "gap", "axis", "spline / dB", *(m.title for m in others)]
    yield "| " + " | ".join([*titles, "SSIM: spline → faithful", "HFEN: spline → faithful"]) + " |"
    yield "|---" * (6 + len(others)) + "|"
    found = {setting: _of_each(results, cell, methods) for setting, cell in cells.items()}
    rows = [(f"{mm:g} mm | {100 * gap:g} % | {axis}", [found[mm, gap, axis]]) for mm, gap, axis in sorted(found)]
    for mm, settings in groupby(sorted(found), key=lambda setting: setting[0]):
        rows.append((f"{mm:g} mm | all | all", [found[setting] for setting in settings]))
    for title, those in rows:
        gains = [_said(_mean(those, m.name, "psnr", over="spline"), "+.2f") for m in others]
        pairs = [
            " → ".join(_said(_mean(those, name, measure), ".3f") for name in ("spline", best))
            for measure in ("ssim", "hfen")
        ]
        spline = _said(_mean(those, "spline", "psnr"), ".2f")
        yield "| " + " | ".join([title, spline, *gains, *pairs]) + " |"


def spectra_table(results: Results, cells: Cells, methods: Sequence[Method]) -> Iterator[str]:
    """Correlation and power in each band, means over the axes of a thickness and gap."""
    shown = [method for method in methods if method.name not in ("nearest", "linear")]
    heads = [f"{name}, {title}" for title in BANDS.values() for name in ("C", "dB")]
    yield "| " + " | ".join(["slices", "gap", "method", *heads]) + " |"
    yield "|---" * (3 + len(heads)) + "|"
    for (mm, gap), settings in groupby(sorted(cells), key=lambda setting: setting[:2]):
        those = [_of_each(results, cells[setting], methods) for setting in settings]
        for method in shown:
            numbers = [
                _said(_mean(those, method.name, f"{kind}-{band}"), form)
                for band in BANDS
                for kind, form in (("correlation", ".2f"), ("power", "+.1f"))
            ]
            yield "| " + " | ".join([f"{mm:g} mm", f"{100 * gap:g} %", method.title, *numbers]) + " |"


def spelt(spectrum: Across) -> dict[str, float]:
    """Curves as a Results has them: what, and at which frequency in cycles a voxel."""
    powers = zip(spectrum.frequency, spectrum.power, strict=True)
    same = zip(spectrum.frequency, spectrum.correlation, strict=True)
    return {f"power {f:.5f}": float(p) for f, p in powers} | {f"correlation {f:.5f}": float(c) for f, c in same}


def figure(curves: Results, cells: Cells, methods: Sequence[Method], path: Path) -> None:
    """Of slices of FIGURE_MM without gaps, mean over the axes: correlation above, power below, as a PNG. A method that
    was not measured along every axis is left out, and told."""
    thickness = FIGURE_MM
    those = [cell for (mm, gap, _), cell in cells.items() if mm == thickness and gap == 0]
    known = {m.name: all(curves.of(*cell, m.name, m.digest[:8]) for cell in those) for m in methods}
    shown = [method for method in methods if method.name != "linear" and known[method.name]]
    if missing := [name for name, whole in known.items() if not whole]:
        print(f"Not in the figure, as not measured along every axis: {', '.join(missing)}.", file=sys.stderr)
    if not those or not shown:
        raise SystemExit(f"Nothing was measured of slices of {thickness:g} mm without gaps; measure first.")
    along = np.arange(1, math.ceil(thickness * 10) + 1) / 10  # of the slices' Nyquist
    pictures = []
    for kind, label in (("correlation", "correlation with the truth"), ("power", "power over the truth's / dB")):
        heights = {method.name: _curve(curves, those, method, kind, thickness, along) for method in shown}
        series = [Series(name, [*zip(along.tolist(), own, strict=True)]) for name, own in heights.items()]
        title, level = f"Slices of {thickness:g} mm", 1.0 if kind == "correlation" else 0.0
        labels = ("frequency along the slice axis / the slices' Nyquist", label)
        markup = chart("spectrum", title, labels, series, title, lines=[level])
        svg = markup[markup.index("<svg") : markup.index("<figcaption")]
        pictures.append(np.asarray(Image.open(io.BytesIO(raster_of(alone(svg)))).convert("RGB")))
    with landing_file(path) as file:
        Image.fromarray(np.concatenate(pictures)).save(file, format="PNG", optimize=True)


def _curve(
    curves: Results, cells: Sequence[tuple[object, ...]], method: Method, kind: str, mm: float, along: np.ndarray
) -> list[float]:
    """Mean over heads cut along each axis, on frequencies that they have in common."""
    found = []
    for cell in cells:
        own = curves.of(*cell, method.name, method.digest[:8])
        points = [(float(name.split()[1]), value) for name, value in own.items() if name.startswith(kind)]
        frequency, value = np.array(points).T
        value = np.maximum(10 * np.log10(np.maximum(value, 1e-12)), FLOOR) if kind == "power" else value
        found.append(np.interp(along / (2 * mm), frequency, value))
    return [float(value) for value in np.mean(found, axis=0)]


def _first_learned(methods: Sequence[Method]) -> str:
    return next(method.name for method in methods if method.digest)


Found = Mapping[str, Mapping[str, float]]


def _of_each(results: Results, cell: Sequence[object], methods: Sequence[Method]) -> Found:
    return {method.name: results.of(*cell, method.name, method.digest[:8]) for method in methods}


def _mean(those: Sequence[Found], method: str, measure: str, over: str | None = None) -> float | None:
    """Less that of another method; None where any of them lacks it, as a mean over fewer would be of other scans."""
    names = [method, *([over] if over else [])]
    if any(measure not in found[name] for found in those for name in names):
        return None
    values = [found[method][measure] - (found[over][measure] if over else 0) for found in those]
    return math.fsum(values) / len(values)


def _said(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"
