"""How thick a slice is, as the files tell: a claim of theirs, which neither voxels nor affine can confirm."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mode

THICKEST = 1000.0
"""Millimetres; more is no slice of a person."""
ROUNDING = 0.01
"""Two lengths that differ by no more of the longer are one: headers round, 2.99 for 3."""
MAX_SIDECAR_BYTES = 1 << 20
"""A BIDS sidecar has a few kilobytes."""


def sane(value: object) -> float | None:
    """Millimetres, where a value can be a thickness: a number above 0, and no NaN, truth or text."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= THICKEST:
        return None
    return float(value)


def agreed(told: Sequence[float | None]) -> float | None:
    """What all slices tell, within rounding, as most of them put it; None where one is silent or they disagree."""
    known = [mm for mm in told if mm is not None]
    return mode(known) if known and len(known) == len(told) and same(min(known), max(known)) else None


def same(one: float | None, other: float) -> bool:
    """Whether two lengths are one, but for rounding; None is no length."""
    return one is not None and abs(one - other) <= ROUNDING * max(one, other)


def from_bids(sidecar: Path) -> float | None:
    """SliceThickness of the JSON file that dcm2niix and BIDS put beside an image; None for any other file, or none."""
    try:
        if not sidecar.is_file() or sidecar.stat().st_size > MAX_SIDECAR_BYTES:
            return None
        told = json.loads(sidecar.read_bytes())
    except (OSError, ValueError, RecursionError):  # ValueError: no JSON, or no text
        return None
    return sane(told.get("SliceThickness")) if isinstance(told, dict) else None


def beside_spacing(thickness: float | None, apart: float) -> str:
    """ "4 mm thick, 5 mm apart (gap 1 mm)"; "" where slices are as thick as they are far apart, or nobody tells."""
    if thickness is None or same(thickness, apart):
        return ""
    between = "gap" if apart > thickness else "overlap"
    return f"{thickness:.3g} mm thick, {apart:.3g} mm apart ({between} {abs(apart - thickness):.3g} mm)"
