"""Slices that came as pictures: magnitude in the left half, phase in the right, as the knees of Lei & Mardani."""

import copy
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.planes import Size, checked_matrix
from finemri.cohorts.roll import Roll
from finemri.cohorts.slices import SliceDraw
from finemri.refusal import Refusal
from finemri.shapes import Magnitude, Slice

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LARGEST = 8192
"""Pixels along either side of a picture; more is no slice."""


class StackSlices:
    """x = m·exp(i·(2π·p/255 − π)): m, 0 to 255 in the left half, becomes 0 to 1; p is the right half.

    ``matrix`` (i, j): both halves are resized to it on their own (Lanczos, as the authors did; phases as the numbers
    they are, so that they blur where they wrap); None: pixels as they are. Brightness stays that of the pictures, and
    every picture is used. Raises Refusal for people without pictures, for pictures that are not grey with 8 bits, that
    have no two halves, or that are damaged, and without Pillow.
    """

    def __init__(self, cohort: Cohort, *, matrix: Size | None = None) -> None:
        self.matrix = checked_matrix(matrix)
        self.roll = Roll({subject.name: subject.images for subject in cohort.subjects})
        self.sizes = {path: _size(path) for _, path in self.roll.every()}

    @property
    def people(self) -> tuple[str, ...]:
        return self.roll.people

    @property
    def matrices(self) -> frozenset[Size]:
        if self.matrix is not None:
            return frozenset({self.matrix})
        return frozenset(self.sizes[path] for _, path in self.roll.every())

    def only(self, people: Iterable[str]) -> "StackSlices":
        other = copy.copy(self)
        other.roll = self.roll.only(people)
        return other

    def draw(self, rng: np.random.Generator) -> SliceDraw:
        person, path = self.roll.draw(rng)
        return SliceDraw(person, self._read(path))

    def every(self) -> Iterator[SliceDraw]:
        for person, path in self.roll.every():
            yield SliceDraw(person, self._read(path))

    def _read(self, path: Path) -> Slice:
        with _opened(path) as picture:
            try:
                pixels = np.asarray(picture, dtype=np.float32)
            except (OSError, SyntaxError, ValueError) as error:
                raise Refusal(f"{path.name} is damaged; export it again.") from error
        if pixels.ndim == 3:
            if (pixels != pixels[..., :1]).any():
                raise Refusal(f"{path.name} is a colour picture; export it with the grey values of the scan.")
            pixels = pixels[..., 0]
        halves = np.split(pixels, 2, axis=1)  # resized each on its own: the resampler would bleed across the seam
        magnitude, phase = (self._resized(half).clip(0, 255) / 255 for half in halves)
        return np.asarray(magnitude * np.exp(1j * (2 * np.pi * phase - np.pi)), dtype=np.complex64)

    def _resized(self, half: Magnitude) -> Float32[np.ndarray, "ci cj"]:
        if self.matrix is None:
            return half
        pillow = _pillow()
        return np.asarray(pillow.fromarray(half).resize(self.matrix[::-1], pillow.Resampling.LANCZOS))


def _size(path: Path) -> Size:
    with _opened(path) as picture:
        return picture.height, picture.width // 2


def _opened(path: Path) -> "Picture":
    """A picture of which the header is read and makes sense."""
    pillow = _pillow()
    try:
        picture: Picture = pillow.open(path, formats=("JPEG", "PNG"))
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError) as error:
        raise Refusal(f"{path.name} is no JPEG or PNG that can be read; stacks are made of them.") from error
    width, height, mode = *picture.size, picture.mode
    if mode in ("L", "RGB") and width % 2 == 0 and max(width, height) <= LARGEST:
        return picture
    picture.close()
    if mode not in ("L", "RGB"):
        raise Refusal(f"{path.name} is not grey with 8 bits (its mode is {mode}); export it so.")
    raise Refusal(
        f"{path.name} has {width}×{height} pixels; magnitude and phase stand side by side in halves of one width, "
        f"at most {LARGEST} together."
    )


def _pillow() -> ModuleType:
    try:
        import PIL.Image
    except ImportError as error:
        raise Refusal("Pictures are read by Pillow, which is missing: pip install 'finemri[rawdata]'.") from error
    return PIL.Image
