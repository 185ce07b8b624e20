"""A figure's SVG -> PNG, mark by mark with matplotlib: the same marks in the same places, so the same numbers."""

import base64
import io
import re
from html import unescape
from typing import Any

import numpy as np

PER_INCH, SHARPER = 96, 2
"""Pixels of an SVG to the inch, and how many of the PNG there are to one of them."""
_MARK = re.compile(r"<(line|circle|path|text|rect|image)\b([^>]*?)/?>(?:([^<]*)</text>)?")
_POINT = 72 / PER_INCH


def raster_of(svg: str) -> bytes:
    """An SVG that ``standalone.alone`` made. The same SVG gives the same bytes: no date, no version is in them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    assert size is not None
    width, height = float(size[1]), float(size[2])
    figure = Figure(figsize=(width / PER_INCH, height / PER_INCH), dpi=PER_INCH * SHARPER)
    FigureCanvasAgg(figure)
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    for order, (tag, told, text) in enumerate(_MARK.findall(svg)):
        own = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', told)}
        _DRAWN[tag](axes, own | {"text": unescape(text)}, order)
    axes.set(xlim=(0, width), ylim=(height, 0))  # last, for an image moves them
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _line(axes: Any, own: dict[str, str], order: int) -> None:
    x, y = ([float(own[f"{axis}{n}"]) for n in "12"] for axis in "xy")
    axes.plot(x, y, **_stroke(own), solid_capstyle="butt", zorder=order)


def _circle(axes: Any, own: dict[str, str], order: int) -> None:
    from matplotlib.patches import Circle

    alpha = float(own.get("fill-opacity", 1))
    place, radius = (float(own["cx"]), float(own["cy"])), float(own["r"])
    axes.add_patch(Circle(place, radius, facecolor=own["fill"], alpha=alpha, linewidth=0, zorder=order))


def _path(axes: Any, own: dict[str, str], order: int) -> None:
    points = np.array([[float(v) for v in pair.split()] for pair in own["d"].strip("MZ").split("L")])
    if own["fill"] == "none":
        axes.plot(*points.T, **_stroke(own), zorder=order)
    else:
        axes.fill(*points.T, color=own["fill"], linewidth=0, zorder=order)


def _text(axes: Any, own: dict[str, str], order: int) -> None:
    from matplotlib.patheffects import withStroke

    side = {"middle": "center", "end": "right"}.get(own.get("text-anchor", ""), "left")
    size = float(own["font-size"].removesuffix("px")) * _POINT
    halo = (
        [withStroke(linewidth=float(own["stroke-width"].removesuffix("px")) * _POINT, foreground=own["stroke"])]
        if "stroke" in own
        else []
    )
    axes.text(float(own["x"]), float(own["y"]), own["text"], ha=side, va="baseline", fontsize=size, color=own["fill"],
              family="DejaVu Sans", path_effects=halo, parse_math=False, zorder=order)  # fmt: skip


def _rect(axes: Any, own: dict[str, str], order: int) -> None:
    from matplotlib.patches import Rectangle

    x, y, width, height = (float(own.get(name, 0)) for name in ("x", "y", "width", "height"))
    edge: dict[str, Any] = (
        {"edgecolor": own["stroke"], "linewidth": float(own["stroke-width"]) * _POINT} if "stroke" in own else {}
    )
    axes.add_patch(Rectangle((x, y), width, height, facecolor=own["fill"], zorder=order, **edge))


def _image(axes: Any, own: dict[str, str], order: int) -> None:
    from matplotlib.image import imread

    grey = imread(io.BytesIO(base64.b64decode(own["href"].partition(",")[2])), format="png")
    x, y, width, height = (float(own[name]) for name in ("x", "y", "width", "height"))
    axes.imshow(grey, cmap="gray", vmin=0, vmax=1, extent=(x, x + width, y + height, y), aspect="auto",
                interpolation="nearest", zorder=order)  # fmt: skip


def _stroke(own: dict[str, str]) -> dict[str, Any]:
    width = float(own.get("stroke-width", 1)) * _POINT
    dashes = own.get("stroke-dasharray", "none")
    style: Any = "-" if dashes == "none" else (0, tuple(float(d) * _POINT / width for d in dashes.split()))
    return {"color": own["stroke"], "linewidth": width, "linestyle": style}


_DRAWN = {"line": _line, "circle": _circle, "path": _path, "text": _text, "rect": _rect, "image": _image}
