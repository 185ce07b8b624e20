"""Images that evaluate saved, as they are judged again: one a method and subject, and the truth."""

import json
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from finemri.measures.contract import Contract
from finemri.measures.convention import Case, Truth
from finemri.measures.tidy import write_text
from finemri.refusal import Refusal

TRUTH = "truth"
ENDINGS = (".nii.gz", ".npy")
Matches = Sequence[tuple[int, int]]


def find_image(images: Path, subject: str, name: str) -> Path:
    """Where the image of a method lies, or the true one. Raises Refusal where there is none."""
    for ending in ENDINGS:
        path = images / f"{subject}_{name}{ending}"
        if path.is_file():
            return path
    what = f"true image of {subject}" if name == TRUTH else f"image of {subject} by {name}"
    raise Refusal(f"{images} has no {what}; run finemri evaluate again with --save-images, and --force.")


def write_matches(images: Path, subject: str, matches: Matches) -> None:
    """(slice of an image, slice of the truth) along k, of a subject whose scans lie on two grids."""
    write_text(_matches(images, subject), json.dumps([list(match) for match in matches]) + "\n")


def open_truth(images: Path, subject: str) -> Truth:
    """The true image; of matched slices those that were judged. Raises Refusal for one that cannot be read."""
    path = find_image(images, subject, TRUTH)
    image, axis = _read(path)
    if not np.isfinite(image).all():
        raise Refusal(f"{path.name}, a true image, holds voxels that are not finite; nobody can be judged by it.")
    matches = _read_matches(images, subject)
    if matches is not None:
        return Truth(_taken(image, [fine for _, fine in matches], path), 0, flat=True)
    return Truth(image, axis, path.suffix == ".npy")


def open_case(images: Path, subject: str, method: str, truth: Truth, contract: Contract, *, lost: bool = False) -> Case:
    """A method's image against the truth; of one that is ``lost``, for it held NaN and was not kept, NaN everywhere.

    Raises Refusal where it cannot be read or lies on another grid.
    """
    if lost and not any((images / f"{subject}_{method}{ending}").is_file() for ending in ENDINGS):
        return Case(np.full(truth.voxels.shape, np.nan, np.float32), truth, contract.crop, contract.data)
    path = find_image(images, subject, method)
    image, _ = _read(path)
    matches, shape = _read_matches(images, subject), truth.voxels.shape
    if matches is not None:
        image = _taken(image, [coarse for coarse, _ in matches], path)
    elif truth.flat and image.ndim == 3 and len(image) == shape[0]:
        image = _middle(image, shape)  # the truth of measured k-space is the middle of the field of view
    if image.shape != shape:
        raise Refusal(
            f"{path.name} is {image.shape} and its truth {shape}, and only images on one grid compare; save them anew "
            "with finemri evaluate, which knows what matches what."
        )
    return Case(image, truth, contract.crop, contract.data)


def _matches(images: Path, subject: str) -> Path:
    return images / f"{subject}_matches.json"


def _read_matches(images: Path, subject: str) -> Matches | None:
    path = _matches(images, subject)
    if not path.is_file():
        return None
    try:
        return [(int(coarse), int(fine)) for coarse, fine in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise Refusal(f"{path.name} does not tell which slices match; save the images anew.") from error


def _taken(image: np.ndarray, slices: list[int], path: Path) -> np.ndarray:
    """Slices along k of a volume, as a stack (slice, i, j)."""
    if image.ndim != 3 or not slices or not 0 <= min(slices) <= max(slices) < image.shape[2]:
        raise Refusal(f"{path.name} does not have the slices that were matched; save the images anew.")
    return np.moveaxis(image[:, :, slices], 2, 0)


def _read(path: Path) -> tuple[np.ndarray, int]:
    """Magnitudes, and the axis across which slices lie: of a volume the most upright one. NaN passes."""
    try:
        if path.suffix == ".npy":
            stack = np.load(path, allow_pickle=False)
            return np.abs(stack).astype(np.float32), 0
        file = nib.nifti1.Nifti1Image.from_filename(path)
        upright = np.abs(file.affine[2, :3]) / np.linalg.norm(file.affine[:3, :3], axis=0)
        return np.asarray(file.dataobj, dtype=np.float32), int(upright.argmax())
    except (ValueError, OSError, EOFError, ImageFileError) as error:
        raise Refusal(f"{path} cannot be read as an image that evaluate saved; save it anew.") from error


def _middle(stack: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Pixel n // 2 stays pixel n // 2, as evaluate cuts."""
    starts = [n // 2 - m // 2 for n, m in zip(stack.shape[1:], shape[1:], strict=True)]
    if min(starts) < 0:
        return stack
    i, j = (slice(start, start + m) for start, m in zip(starts, shape[1:], strict=True))
    return stack[:, i, j]
