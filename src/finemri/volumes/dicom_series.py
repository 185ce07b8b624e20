"""Series: pick one, put its slices in their order in the patient, and say what is amiss before any pixel is read."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from finemri.refusal import Refusal
from finemri.shapes import Affine
from finemri.volumes.description import MAX_VOXELS, Description
from finemri.volumes.dicom_scan import Folder, Slice
from finemri.volumes.slice_thickness import agreed

TOLERANCE = 0.02
"""How far distances between slices may differ, as a part of the distance: scanners round positions."""
PERPENDICULAR = 1e-3
"""Cosine between rows and columns that is none: headers round directions, to three or four digits some of them."""
MAX_SLICE_PIXELS = 1 << 26
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
MULTIFRAME = ("1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.3", "1.2.840.10008.5.1.4.1.1.4.4")
"""Enhanced MR, enhanced MR colour, legacy converted enhanced MR."""

Series = Sequence[Slice]


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in order along their normal, and the affine (RAS, mm) of voxels [column, row, slice]."""

    slices: tuple[Slice, ...]
    affine: Affine
    shape: tuple[int, int, int]


def series_of(folder: Folder) -> dict[str, list[Slice]]:
    """Number -> images. The number is the SeriesNumber where that tells all series apart, else a count from 1."""
    by_uid: dict[str, list[Slice]] = defaultdict(list)
    for image in folder.slices:
        by_uid[image.series].append(image)
    every = sorted(by_uid.values(), key=lambda images: (images[0].number or 0, images[0].series))
    given = [images[0].number for images in every]
    unique = None not in given and len(set(given)) == len(given)
    return {str(images[0].number if unique else n): images for n, images in enumerate(every, start=1)}


def choose(folder: Folder, series: str | None) -> Series:
    """The series with this number or UID, or the only one. Raises Refusal with the list where there is a choice."""
    every = series_of(folder)
    if not every:
        others = (
            f" ({folder.skipped} other and {folder.damaged} damaged files)" if folder.skipped + folder.damaged else ""
        )
        raise Refusal(f"There is no DICOM image in this folder{others}; give the folder that holds the slices.")
    if series is None and len(every) == 1:
        return next(iter(every.values()))
    matching = [images for number, images in every.items() if series in (number, images[0].series)]
    if not matching:
        shown = "; ".join(str(item) for item in describe(folder))
        if series is None:
            raise Refusal(f"This folder holds {len(every)} series, pick one with --series NUMBER: {shown}.")
        raise Refusal(f"No series has this number or UID; those here are {shown}.")
    return matching[0]


def describe(folder: Folder) -> list[Description]:
    """Every series of a folder, in the order of their numbers."""
    described = []
    for number, images in series_of(folder).items():
        first, refusal = images[0], ""
        shape, spacing = (
            (first.columns, first.rows, len(images) * first.frames),
            (*first.spacing[::-1], first.apart),
        )
        try:
            stack = arrange(images)
            shape, spacing = stack.shape, tuple(float(mm) for mm in np.linalg.norm(stack.affine[:3, :3], axis=0))
        except Refusal as reason:
            refusal = str(reason)
        if len(spacing) != 3:
            spacing = (0.0, 0.0, first.apart)
        stored = f"{'' if first.signed else 'u'}int{first.bits}"
        if UID(first.transfer_syntax).is_compressed:
            stored += f", {UID(first.transfer_syntax).name}"
        described.append(
            Description(
                "dicom", number, first.series, first.modality, shape, (spacing[0], spacing[1], spacing[2]), stored,
                folder.skipped + folder.damaged, refusal, agreed([image.thickness for image in images]),
            )
        )  # fmt: skip
    return described


def arrange(images: Series) -> Stack:
    """Slices sorted by position · normal, and their grid. Raises Refusal unless they are one regular stack of MR."""
    check_kind(images)
    check_alike(images)
    first = images[0]
    along_row, along_column = directions(first)
    normal = np.cross(along_row, along_column)
    position = np.array([image.position for image in images], np.float64)
    order = np.argsort(position @ normal, kind="stable")
    position = position[order]
    ordered = tuple(images[n] for n in order)
    check_places(ordered, position @ normal)
    step = (position[-1] - position[0]) / (len(ordered) - 1) if len(ordered) > 1 else normal * first.apart
    check_straight(position, step)
    if not np.any(step):
        raise Refusal("The series has a single slice and does not tell how thick it is; give the whole series.")
    affine = np.eye(4)
    affine[:3, 0] = along_row * first.spacing[1]  # from column to column
    affine[:3, 1] = along_column * first.spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = position[0]
    return Stack(ordered, LPS_TO_RAS @ affine, (first.columns, first.rows, len(ordered)))


def check_kind(images: Series) -> None:
    """Raises Refusal for what is not a classic series of grey MR slices that can be decoded here."""
    first = images[0]
    if wrong := {image.modality for image in images} - {"MR"}:
        raise Refusal(
            f"This series is of modality {min(wrong) or 'unknown'}, not MR; finemri is made for MR images only."
        )
    if any(image.frames > 1 or image.sop_class in MULTIFRAME for image in images):
        raise Refusal(
            "This is an enhanced (multi-frame) series; export it as classic MR images, or convert it to NIfTI."
        )
    if not all(image.grey for image in images):
        raise Refusal("These are colour pictures (a screen shot or a fused map?); give the original grey series.")
    if any(image.lookup for image in images):
        raise Refusal("This series maps its numbers through a lookup table; export it with a rescale slope instead.")
    if any(image.bits not in (8, 16, 32) for image in images):
        raise Refusal("This series stores its pixels in an unusual number of bits; export it with 16 bits a pixel.")
    pixels = first.rows * first.columns
    if not 0 < pixels <= MAX_SLICE_PIXELS or pixels * len(images) > MAX_VOXELS:
        raise Refusal(
            f"The header claims {len(images)} slices of {first.columns} × {first.rows}, unlike any scan; damaged?"
        )
    for syntax in {image.transfer_syntax for image in images}:
        if not can_decode(syntax):
            name = UID(syntax).name
            raise Refusal(
                f"The slices are compressed with {name}, for which no decoder is installed; "
                "decompress them first (gdcmconv --raw, dcmdjpeg), or install pylibjpeg-libjpeg or pyjpegls."
            )


def can_decode(transfer_syntax: str) -> bool:
    """Whether pydicom has what it takes."""
    try:
        return bool(get_decoder(UID(transfer_syntax)).is_available)
    except NotImplementedError:
        return False


def check_alike(images: Series) -> None:
    """Raises Refusal where slices have no place in the patient, or differ in size or direction."""
    if not all(image.position and image.orientation and image.spacing for image in images):
        raise Refusal(
            "Some slices do not tell where in the patient they lie; export the series from the scanner or the PACS."
        )
    numbers = np.array([image.position + image.orientation + image.spacing for image in images])
    if not np.isfinite(numbers).all() or (numbers[:, 9:] <= 0).any():
        raise Refusal("Some slices have a position or a pixel spacing that is not a length; export the series again.")
    if len({(image.rows, image.columns) for image in images}) > 1 or not np.allclose(
        numbers[:, 9:], numbers[0, 9:], rtol=1e-3
    ):
        raise Refusal("The slices of this series differ in matrix or pixel size; export series of one size each.")
    directions(images[0])
    if not np.allclose(numbers[:, 3:9], numbers[0, 3:9], rtol=0, atol=1e-3):
        raise Refusal("The slices of this series lie in different orientations (a localiser?); pick a series of one.")


def directions(image: Slice) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
    """Unit vectors along a row and along a column (LPS). Raises Refusal unless they are perpendicular unit vectors."""
    row, column = np.array(image.orientation, np.float64).reshape(2, 3)
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if not np.allclose(lengths, 1, rtol=0, atol=1e-3) or abs(row @ column) > PERPENDICULAR * lengths[0] * lengths[1]:
        raise Refusal(
            "The orientation of the slices is not a pair of perpendicular directions; export the series again."
        )
    return row / lengths[0], column / lengths[1]


def check_places(ordered: Series, along: Float64[np.ndarray, " slice"]) -> None:
    """Raises Refusal for copies, several images at one place, and missing slices. ``along``: sorted millimetres."""
    if len({image.sop_instance for image in ordered}) < len(ordered):
        raise Refusal("Some slices are there more than once (the same SOPInstanceUID); remove the copies.")
    steps = np.diff(along)
    apart = steps[steps > 1e-3]
    usual = float(np.median(apart)) if apart.size else 0.0
    groups = counts(steps > 0.1 * usual)
    if groups.max() > 1 and groups.min() == groups.max():
        raise Refusal(
            f"This series holds {groups[0]} images at every position (echoes, phases or time points); "
            "export one of them as a series of its own."
        )
    if groups.max() > 1:
        raise Refusal(
            f"{int((groups > 1).sum())} of {groups.size} positions hold several images (duplicates, or scans mixed); "
            "export the series again."
        )
    odd = np.flatnonzero(abs(steps - usual) > TOLERANCE * usual)
    if odd.size:
        n = int(odd[0])
        raise Refusal(
            f"Slices are missing or uneven: after slice {n + 1} of {len(ordered)}, at {along[n]:.2f} mm along "
            f"the stack, the next is {steps[n]:.2f} mm away where {usual:.2f} mm is usual; export the series again."
        )


def counts(new_place: np.ndarray) -> Int[np.ndarray, " place"]:
    """How many images lie at each place, from whether each image is elsewhere than the one before."""
    starts = np.flatnonzero(np.concatenate([[True], new_place, [True]]))
    return np.diff(starts)


def check_straight(position: Float64[np.ndarray, "slice 3"], step: Float64[np.ndarray, "3"]) -> None:
    """Raises Refusal where slices are shifted sideways against each other; a straight, sheared stack is fine."""
    line = position[0] + np.arange(len(position))[:, None] * step
    off = np.linalg.norm(position - line, axis=1).max()
    if off > max(TOLERANCE * math.sqrt(step @ step) * len(position), 0.05):
        raise Refusal(
            f"The slices are shifted against each other by up to {off:.2f} mm; export slices of one straight stack."
        )
