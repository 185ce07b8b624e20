"""Which slice of a thick series belongs to which of a thin one, by where they lie in the patient."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from finemri.cohorts.cohort import Pair
from finemri.refusal import Refusal
from finemri.shapes import Affine
from finemri.volumes.files import open_volume
from finemri.volumes.volume import Volume

Method = Literal["optimal", "greedy"]
Positions = Float64[np.ndarray, "_ 3"]
Direction = Float64[np.ndarray, "3"]
Places = Float64[np.ndarray, " _"]
LOOK_AHEAD = 10
"""Unused fine slices that the greedy matching chooses from (Narcomey & Gu)."""


@dataclass(frozen=True)
class Matching:
    """Coarse slices and their fine ones: one to one, and rising on both sides."""

    pairs: tuple[tuple[int, int], ...]
    """(slice of coarse, slice of fine)."""
    distances: tuple[float, ...]
    """Of each pair, in mm: along the normal ("optimal") or in space ("greedy")."""
    skipped: tuple[int, ...] = ()
    """Coarse slices without a fine one."""


def match_slices(
    coarse: Positions, fine: Positions, normal: Direction | None = None, method: Method = "optimal"
) -> Matching:
    """Match slices by the places of their first voxels in mm, (slice, 3), given in the order of the slices.

    "optimal": min Σ |n · (c − f)| over all matchings that are one to one, rise on both sides and are as many as can be,
    n the ``normal`` (default: from the first slice to the last); of two as good, the earlier fine slice. Coarse slices
    beyond the ends of the fine series, by more than half a step of it, have no match and are listed as skipped, and so
    are the farthest where there are fewer fine slices than coarse ones.
    "greedy", as published: each coarse slice in turn takes the nearest in space of the next ten unused fine slices,
    counted from the last one taken; every coarse slice gets one, however far.

    Raises Refusal for series that lie nowhere side by side, and where the greedy matching runs out of fine slices.
    After Narcomey & Gu, Through Thick and Thin (2019).
    """
    if len(coarse) == 0 or len(fine) == 0:
        raise Refusal("A series without a single slice cannot be matched; give two series.")
    if method == "greedy":
        return _greedy(coarse, fine)
    n = _normal(coarse, fine) if normal is None else normal / np.linalg.norm(normal)
    along_coarse, along_fine = coarse @ n, fine @ n
    if (along_coarse[-1] - along_coarse[0]) * (along_fine[-1] - along_fine[0]) < 0:
        raise Refusal("The two series run in opposite directions along their normal; turn one of them round.")
    ours, theirs = _within(along_coarse, along_fine), _within(along_fine, along_coarse)
    if ours.size == 0 or theirs.size == 0:
        gap = max(along_coarse.min() - along_fine.max(), along_fine.min() - along_coarse.max(), 0.0)
        raise Refusal(f"The two series do not overlap: they are {gap:.1f} mm apart along their slices' normal.")
    if len(fine) >= ours.size:  # every coarse slice gets one, if only from beyond
        theirs = np.arange(len(fine))
    distance = np.abs(along_coarse[ours, None] - along_fine[None, theirs])
    pairs = tuple((int(ours[c]), int(theirs[f])) for c, f in _cheapest(distance))
    matched = {c for c, _ in pairs}
    return Matching(
        pairs,
        tuple(float(abs(along_coarse[c] - along_fine[f])) for c, f in pairs),
        tuple(c for c in range(len(coarse)) if c not in matched),
    )


def slice_positions(affine: Affine, slices: int, i: float = 0.0, j: float = 0.0) -> Positions:
    """Where voxel (i, j) of each slice along k lies, in RAS mm; (0, 0) is DICOM's ImagePositionPatient."""
    k = np.arange(slices, dtype=np.float64)
    places: Positions = affine[:3, 3] + i * affine[:3, 0] + j * affine[:3, 1] + k[:, None] * affine[:3, 2]
    return places


def slice_normal(affine: Affine) -> Direction:
    """The unit vector perpendicular to the slices along k, pointing where k rises."""
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    normal *= np.sign(normal @ affine[:3, 2])
    unit: Direction = normal / np.linalg.norm(normal)
    return unit


@dataclass(frozen=True, eq=False)
class OpenPair:
    """A pair in memory: slice n of ``coarse`` shows what slice n of ``fine`` shows, on one in-plane grid."""

    coarse: Volume
    """The slices that have a match, in order. Of matched slices, the affine tells of the plane, not of the way to the
    next slice, where slices were skipped."""
    fine: Volume
    """Their matches; as many."""
    fine_slices: Volume
    """The whole fine scan; ``fine`` itself for a pair on one grid."""
    matches: tuple[tuple[int, int], ...]
    """(slice of the coarse file, slice of ``fine_slices``), one for each slice of ``coarse``."""


def open_pair(pair: Pair) -> OpenPair:
    """Both scans with the matching slices side by side, of one shape (i, j, k).

    Raises Refusal for files that cannot be opened or do not fit together.
    """
    coarse, fine = read_pair(pair)
    if pair.matches is None:
        return OpenPair(coarse, fine, fine, tuple((k, k) for k in range(coarse.shape[2])))
    ours, theirs = (list(side) for side in zip(*pair.matches, strict=True))
    return OpenPair(_taken(coarse, ours), _taken(fine, theirs), fine, pair.matches)


def read_pair(pair: Pair) -> tuple[Volume, Volume]:
    """Both files as they lie. Raises Refusal for files that cannot be opened or do not fit together."""
    coarse, fine = open_volume(pair.coarse), open_volume(pair.fine)
    alike = coarse.shape[:2] == fine.shape[:2] and (pair.matches is not None or coarse.shape == fine.shape)
    if not alike:
        raise Refusal(
            f"The two scans of this pair are not on one grid ({coarse.shape} and {fine.shape}); pair them once more."
        )
    if pair.matches is not None and not all(c < coarse.shape[2] and f < fine.shape[2] for c, f in pair.matches):
        raise Refusal("The matches of this pair name slices that the scans do not have; pair them once more.")
    return coarse, fine


def _taken(volume: Volume, slices: list[int]) -> Volume:
    """Some slices; consecutive ones keep their affine exactly."""
    affine = volume.affine.copy()
    affine[:3, 3] += slices[0] * affine[:3, 2]
    if len(slices) > 1:
        affine[:3, 2] *= (slices[-1] - slices[0]) / (len(slices) - 1)
    return Volume(volume.voxels[:, :, slices], affine, volume.source)


def _greedy(coarse: Positions, fine: Positions) -> Matching:
    unused, cursor = list(range(len(fine))), 0
    pairs, distances = [], []
    for number, place in enumerate(coarse):
        candidates = [f for f in unused if f >= cursor][:LOOK_AHEAD]
        if not candidates:
            raise Refusal(
                f"The greedy matching ran out of fine slices at coarse slice {number + 1} of {len(coarse)}, as it only "
                "moves forward; use the optimal matching."
            )
        away = np.linalg.norm(fine[candidates] - place, axis=1)
        cursor = candidates[int(away.argmin())]  # of two as near, the first
        unused.remove(cursor)
        pairs.append((number, cursor))
        distances.append(float(away.min()))
    return Matching(tuple(pairs), tuple(distances))


def _normal(coarse: Positions, fine: Positions) -> Direction:
    """From the first slice to the last, of the coarse series if it has more than one."""
    for series in (coarse, fine):
        way = series[-1] - series[0]
        if np.linalg.norm(way) > 0:
            unit: Direction = way / np.linalg.norm(way)
            return unit
    raise Refusal("Two single slices do not tell in which direction slices follow one another; give whole series.")


def _within(own: Places, others: Places) -> Int64[np.ndarray, " _"]:
    """Slices that lie between the ends of the other series, or beyond by no more than half a step of it."""
    series = others if others.size > 1 else own
    half = float(np.median(np.abs(np.diff(series)))) / 2 if series.size > 1 else np.inf
    found: Int64[np.ndarray, " _"] = np.flatnonzero(
        (own >= others.min() - half - 1e-6) & (own <= others.max() + half + 1e-6)
    )
    return found


def _cheapest(distance: Float64[np.ndarray, "few many"]) -> list[tuple[int, int]]:
    """The monotone one-to-one matching of all of the shorter side with the least sum, by dynamic programming.

    D[r, s] = min(D[r, s − 1], D[r − 1, s − 1] + d[r − 1, s − 1]): the first r of the shorter side are matched with some
    of the first s of the longer.
    """
    if distance.shape[0] > distance.shape[1]:
        return [(c, f) for f, c in _cheapest(np.ascontiguousarray(distance.T))]
    rows, columns = distance.shape
    D = np.full((rows + 1, columns + 1), np.inf)
    D[0] = 0
    for r in range(1, rows + 1):
        D[r, 1:] = np.minimum.accumulate(D[r - 1, :-1] + distance[r - 1])
    found, s = [], columns
    for r in range(rows, 0, -1):
        s = int((D[r, : s + 1] <= D[r, s]).argmax())  # the first place where this cost was reached
        found.append((r - 1, s - 1))
        s -= 1
    return found[::-1]
