"""What the five examples share: their settings, names of methods, means over people, and a picture small enough for a
page."""

import argparse
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib import image as pictures
from PIL import Image

from finemri.demo.picture import draw
from finemri.evaluate.scans import label_of
from finemri.measures.summary import summarise
from finemri.measures.tidy import read_rows
from finemri.training.weights import load_weights
from finemri.volumes.files import open_volume

WIDEST = 1040
"""Pixels of a picture."""


@dataclass(frozen=True)
class Settings:
    """What the command line says."""

    into: Path
    """Where everything goes; what lies there is not done again."""
    cohort: Path | None
    """Scans of your own; none: people made from a template."""
    figure: Path
    quick: bool
    """The same with hardly any rounds, to see that it runs."""

    def rounds(self, full: int) -> int:
        """So many, or a few."""
        return max(2, full // 50) if self.quick else full


def settings(doc: str | None, name: str) -> Settings:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", type=Path, help="a folder of scans of your own")
    parser.add_argument("--into", type=Path, help="default: examples-output/NAME")
    parser.add_argument("--figure", type=Path, help="default: NAME.png in the folder of --into")
    parser.add_argument("--quick", action="store_true", help="hardly train at all: does it run?")
    given = parser.parse_args()
    into = given.into or Path("examples-output") / (f"{name}-quick" if given.quick else name)
    into.mkdir(parents=True, exist_ok=True)
    return Settings(into, given.cohort, given.figure or into / f"{name}.png", given.quick)


def named(weights: Mapping[str, Path]) -> dict[str, str]:
    """What evaluate calls these weights -> what the figure calls them."""
    names = {}
    for title, path in weights.items():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        names[label_of(str(path), str(load_weights(path)[1]["recipe"]), digest)] = title
    return names


def means(table: Path, names: Mapping[str, str], mask: str = "head") -> dict[str, dict[str, float]]:
    """Title of a method -> measure -> mean over people: of the tidy table that evaluate wrote."""
    found: dict[str, dict[str, float]] = {}
    for row in summarise(read_rows(table)):
        if row.mask == mask and row.method in names:
            found.setdefault(names[row.method], {})[row.measure] = row.mean
    return {title: found[title] for title in names.values()}


def tell(found: Mapping[str, Mapping[str, float]], measures: Mapping[str, str]) -> None:
    """Print a line for each method; ``measures``: name -> how a number is written."""
    for title, numbers in found.items():
        print(f"{title:32}" + "   ".join(f"{name} {numbers[name]:{how}}" for name, how in measures.items()))


def one_slice(path: Path, number: int | None = None) -> np.ndarray:
    """A slice of a saved image, the middle one unless told, as radiologists look at it."""
    if path.suffix == ".npy":  # (slice, i, j)
        stack = np.abs(np.load(path)).astype(np.float32)
        return seen(stack[len(stack) // 2 if number is None else number])
    volume = open_volume(path)
    number = volume.shape[2] // 2 if number is None else number
    return seen(volume.voxels[:, :, number], volume.affine)


def seen(image: np.ndarray, affine: np.ndarray | None = None) -> np.ndarray:
    """(i, j) -> rows from the front, the patient's right on the left; i runs to the right and j to the front, unless
    ``affine`` says otherwise."""
    to_right, to_front = (True, True) if affine is None else (affine[0, 0] > 0, affine[1, 1] > 0)
    return np.ascontiguousarray(image[:: -1 if to_right else 1, :: -1 if to_front else 1].T)


def picture(images: Mapping[str, np.ndarray], captions: Mapping[str, str], title: str, path: Path) -> None:
    """One slice, a part of it enlarged, and the error there: all on one grey scale, all errors on another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(images, captions, title, path)
    drawn = Image.fromarray((pictures.imread(path)[..., :3] * 255).round().astype(np.uint8))
    if drawn.width > WIDEST:
        drawn = drawn.resize((WIDEST, round(drawn.height * WIDEST / drawn.width)), Image.Resampling.LANCZOS)
    drawn.quantize(palette=_palette(), dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"figure: {path}")


def _palette() -> Image.Image:
    """The colours that ``draw`` uses, and no others: a file a third of the size, and no grey that turns brown."""
    grey = np.repeat(np.linspace(0, 255, 140)[:, None], 3, axis=1)
    error = 255 * colormaps["berlin"](np.linspace(0, 1, 112))[:, :3]
    paper_frame_mix = [(11, 13, 16), (255, 176, 0), (200, 140, 20), (140, 100, 30)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate([grey, error, paper_frame_mix]).round().astype(np.uint8).tobytes())
    return palette
