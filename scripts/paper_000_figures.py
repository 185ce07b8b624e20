"""The figures of docs/papers/000.md; scripts/paper_000.py draws them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

TITLES = {"wgan": "WGAN-GP", "patch-plain": "LSGAN-Patch, critic without BN"}
LINES = {"baseline": "--", "l1-wavelet": "-.", "zero-filled": ":"}
SHOWN = {
    "baseline": "baseline, λ = .95",
    "l1-zero": "λ = 0 from scratch",
    "l1-init": "L1, then λ = 0",
    "patch": "Patch, long warm-up",
    "patch-cold": "Patch, none",
    "patch-plain": "Patch, critic without BN",
    "wgan": "WGAN-GP",
    "baseline-long": "baseline, longer",
    "wgan-long": "WGAN-GP, longer",
}
"""Whose learning is drawn, first seed."""


def draw_budget(snr: Mapping[str, Sequence[float]], path: Path) -> None:
    """SNR against the number of people with labels, a dot a seed. ``snr``: of every run, mean over people by seed."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for axis, (method, title) in zip(axes, TITLES.items(), strict=True):
        names = {3: f"{method}-3", 6: f"{method}-6", 17: method}
        found = {budget: snr[name] for budget, name in names.items() if name in snr}
        for budget, values in found.items():
            axis.plot([budget] * len(values), values, "o", color="tab:orange", alpha=0.6, markersize=4)
        axis.plot(list(found), [fmean(values) for values in found.values()], color="tab:orange")
        for name, style in LINES.items():
            if name in snr:
                axis.axhline(fmean(snr[name]), color="grey", linestyle=style, linewidth=1, label=name)
        axis.set(xlabel="people with labels", ylabel="SNR / dB", xticks=(3, 6, 17), title=title)
    handles, names_of = axes[0].get_legend_handles_labels()
    figure.legend(handles, names_of, frameon=False, fontsize=8, loc="outside lower center", ncols=len(LINES))
    _save(figure, path)


def draw_curves(curves: Mapping[str, Sequence[tuple[int, float, float]]], path: Path) -> None:
    """PSNR and L1 of the people who are watched, against rounds. ``curves``: "run seed" -> round, PSNR, L1."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    for run, title in SHOWN.items():
        if f"{run} 0" in curves:
            rounds, psnr, l1 = zip(*curves[f"{run} 0"], strict=True)
            axes[0].plot(rounds, psnr, label=title)
            axes[1].plot(rounds, l1)
    axes[0].set(xlabel="rounds", ylabel="PSNR / dB", ylim=(-20, None))
    axes[1].set(xlabel="rounds", ylabel="L1", yscale="log", ylim=(None, 10))
    figure.legend(frameon=False, fontsize=8, loc="outside right center")
    _save(figure, path)


def draw_images(made: Mapping[str, Any], path: Path) -> None:
    """A slice, "truth" first, and under it how far each image is off, up to a quarter of the truth's maximum."""
    truth = made["truth"]
    figure, axes = plt.subplots(2, len(made), figsize=(1.1 * len(made), 3.4), layout="constrained")
    for column, (name, image) in zip(axes.T, made.items(), strict=True):
        column[0].imshow(image.T[::-1], cmap="gray", vmin=0, vmax=truth.max())
        column[0].set_title(name, fontsize=7)
        column[1].imshow(np.abs(image - truth).T[::-1], cmap="magma", vmin=0, vmax=truth.max() / 4)
    for axis in axes.flat:
        axis.set_axis_off()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=110)
    plt.close(figure)
