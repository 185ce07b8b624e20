"""The demo's picture: one slice, a part of it enlarged, and the error there, for every method side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Slice = Float32[np.ndarray, "row column"]
Part = tuple[slice, slice]


def draw(images: Mapping[str, Slice], captions: Mapping[str, str], title: str, path: Path) -> None:
    """Draw ``images`` in columns, "truth" first; a caption stands under its image's name. All on the truth's grid."""
    import matplotlib as mpl

    mpl.use("Agg")  # a picture in a file, no window
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    around = _bounds(images["truth"])
    images = {name: image[around] for name, image in images.items()}
    truth = images["truth"]
    part = _busiest(truth, side=max(4, min(truth.shape) // 3))
    bottom, top = (float(p) for p in np.percentile(truth[truth > 0] if (truth > 0).any() else truth, [0.5, 99.9]))
    top = top if top > bottom else bottom + 1
    worst = max(float(np.percentile(np.abs(images[name] - truth)[part], 99.5)) for name in captions) or 1.0
    tall = truth.shape[0] / truth.shape[1]
    width, columns = 2.9, len(images)
    with plt.style.context("dark_background"):
        figure = plt.figure(figsize=(width * columns, width * (tall + 2) + 1.3), facecolor="#0b0d10")
        grid = figure.add_gridspec(
            3, columns, height_ratios=[tall, 1, 1], left=0.03, right=0.995, top=1 - 1.15 / figure.get_figheight(),
            bottom=0.01, wspace=0.03, hspace=0.03,
        )  # fmt: skip
        for column, (name, image) in enumerate(images.items()):
            whole, close, error = (_blank(figure.add_subplot(grid[row, column])) for row in range(3))
            for axes, shown in ((whole, image), (close, image[part])):
                axes.imshow(shown, cmap="gray", vmin=bottom, vmax=top, interpolation="nearest", aspect="auto")
            whole.set_title(name, fontsize=16, pad=24)
            whole.text(
                0.5, 1.02, captions.get(name, ""), transform=whole.transAxes, ha="center", color="#9aa4b0", fontsize=11
            )
            rows, cols = part
            corner = (cols.start - 0.5, rows.start - 0.5)
            sides = cols.stop - cols.start, rows.stop - rows.start
            whole.add_patch(Rectangle(corner, *sides, fill=False, edgecolor="#ffb000", linewidth=1.2))
            if name == "truth":
                _key(error, worst / top)
            else:
                shown = (image - truth)[part] / worst
                error.imshow(shown, cmap="berlin", vmin=-1, vmax=1, interpolation="nearest", aspect="auto")
        figure.suptitle(title, fontsize=13, color="#9aa4b0", y=0.985)
        figure.savefig(path, dpi=120)
        plt.close(figure)


def _bounds(image: Slice, rim: int = 6) -> Part:
    """The rectangle that holds everything above a twentieth of the maximum, with a rim."""
    inside = image > image.max() / 20
    spans = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    rows, columns = (slice(max(0, int(s[0]) - rim), int(s[-1]) + rim + 1) if s.size else slice(None) for s in spans)
    return rows, columns


def _busiest(image: Slice, side: int) -> Part:
    """The square of ``side`` pixels with the most detail in it. The strongest edges count no more than fine ones."""
    detail = np.hypot(*np.gradient(image))
    detail = np.minimum(detail, np.percentile(detail, 80))
    sums = np.pad(detail.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    window = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    row, column = (int(n) for n in np.unravel_index(window.argmax(), window.shape))
    return slice(row, row + side), slice(column, column + side)


def _blank(axes: "Axes") -> "Axes":
    axes.set_axis_off()
    return axes


def _key(axes: "Axes", worst: float) -> None:
    """What the colours of the error maps mean."""
    ramp = np.linspace(-1, 1, 256)[None]
    bar = axes.inset_axes((0.1, 0.52, 0.8, 0.06))
    bar.imshow(ramp, cmap="berlin", aspect="auto")
    bar.set_axis_off()
    axes.text(0.5, 0.66, "error", ha="center", fontsize=13, transform=axes.transAxes)
    for place, text in ((0.1, f"−{worst:.0%}"), (0.5, "0"), (0.9, f"+{worst:.0%}")):
        axes.text(place, 0.42, text, ha="center", fontsize=10, color="#9aa4b0", transform=axes.transAxes)
    axes.text(0.5, 0.3, "of the brightest tissue", ha="center", fontsize=10, color="#9aa4b0", transform=axes.transAxes)
