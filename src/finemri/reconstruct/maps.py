"""Trust beside a reconstruction: where it contradicts the samples, what no sample saw, where methods disagree.

The scanner is y = A x, A = m F S, as ``SenseOperator`` has it. No truth is needed.
"""

import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from finemri.measures.trust import residual, seen_part
from finemri.physics.coils import known_sensitivities
from finemri.physics.consistency import SenseOperator
from finemri.physics.kspace import KSpace
from finemri.physics.mirror import Axes, mirrored, mirrored_kspace
from finemri.rawdata.scan import Source
from finemri.rawdata.write import check_slice_output, save_slice_image, stem
from finemri.recipes.lines import chosen_along_j
from finemri.recipes.trust import kept_aside
from finemri.reconstruct.slices import reconstruct_slice, with_coils_known
from finemri.shapes import Magnitude, Sampled, Slice
from finemri.shelf import ReconstructionMethod

NAMES = ("residual", "nullspace", "disagreement")
MIRRORS: tuple[Axes, ...] = ((True, False), (False, True), (True, True))
"""Of the scan, beside the scan as it is: four flips."""
NOISE = 0.01
"""σ of the perturbation of a sample, relative to the image's brightest tissue (99.9th percentile)."""
STEPS = 50
"""Of conjugate gradients: what they do not reach is so faint that it counts as not measured."""


@dataclass(frozen=True, eq=False)
class SliceTrust:
    """What is told of one slice: maps in the image's unit, and sums of squares that add up over slices."""

    maps: Mapping[str, Magnitude]
    """By ``NAMES``: |Aᴴ(A x̂ − y)|, |(I − A⁺A) x̂|, standard deviation of the members' magnitudes."""
    squares: Mapping[str, float] = field(default_factory=dict)
    """Σ |·|² of samples, residual, least residual, image, null space, disagreement, noise, change, aside, missed."""
    borrowed: bool = False
    """Whether the phase is the zero-filled image's, because the method told a magnitude alone."""


def map_paths(output: Path) -> dict[str, Path]:
    """Name of each map -> the NIfTI file beside the result."""
    return {name: output.with_name(f"{stem(output)}_{name}.nii.gz") for name in NAMES}


def check_maps(output: Path, source: Source | None, *, force: bool) -> None:
    """Raises Refusal, before anything is computed, where a map could not be saved."""
    for path in map_paths(output).values():
        check_slice_output(path, source=source, force=force, sidecar=False)


def trust_slice(
    kspace: KSpace, image: Slice, method: ReconstructionMethod, rivals: Sequence[ReconstructionMethod] = ()
) -> SliceTrust:
    """Judge x̂ = f(y). ``kspace`` is y after compression, ``rivals`` other methods to disagree with instead of flips.

    Costs as much as six reconstructions by ``method``, or two and one by each rival. Raises Refusal where coils have no
    sensitivities and their centre of k-space is too small to estimate them.
    """
    kspace = with_coils_known(kspace) if method.reconstructor.needs_sensitivities else kspace
    scanner = _operator(seen := with_coils_known(kspace))
    y, zero_filled = torch.from_numpy(seen.samples)[None], scanner.adjoint(torch.from_numpy(seen.samples)[None])
    x = torch.from_numpy(image)[None]
    borrowed = seen.coils > 1 and not image.imag.any()
    if borrowed:
        x = torch.polar(x.abs(), zero_filled.angle())
    gap = residual(x, y, scanner.forward)
    unseen = x - seen_part(x, scanner.normal, steps=STEPS)
    best = scanner.solve(zero_filled, torch.zeros_like(x), STEPS)
    spread = deviation([np.abs(member) for member in _members(kspace, image, method, rivals)])
    noise = perturbation(kspace, NOISE * float(np.percentile(np.abs(image), 99.9)))
    noisy = KSpace(kspace.samples + noise, kspace.mask, kspace.sensitivities)
    squares = {
        "samples": _square(y),
        "residual": _square(gap),
        "least": _square(scanner.forward(best) - y),
        "image": _square(x),
        "nullspace": _square(unseen),
        "disagreement": _square(torch.from_numpy(spread)),
        "noise": _square(scanner.adjoint(torch.from_numpy(noise)[None])),
        "change": _square(torch.from_numpy(reconstruct_slice(noisy, method) - image)),
        **_predicted(kspace, scanner, zero_filled, method, borrowed=borrowed),
    }
    drawn = scanner.adjoint(gap).abs()[0].numpy(), unseen.abs()[0].numpy(), spread
    return SliceTrust(dict(zip(NAMES, drawn, strict=True)), squares, borrowed)


def save_maps(
    slices: Sequence[SliceTrust], output: Path, spacing: tuple[float, float, float] | None, *, force: bool
) -> None:
    """Magnitudes as NIfTI, on the grid of the result."""
    for name, path in map_paths(output).items():
        stack = np.stack([one.maps[name] for one in slices]).astype(np.complex64)
        save_slice_image(stack, path, spacing=spacing, force=force)


def numbers(
    slices: Sequence[SliceTrust], method: ReconstructionMethod, rivals: Sequence[ReconstructionMethod]
) -> dict[str, object]:
    """Numbers over all slices for the sidecar: shares and ratios, without a unit."""
    total: Counter[str] = Counter()
    for one in slices:
        total.update(one.squares)

    def ratio(part: str, whole: str) -> float:
        return math.sqrt(total[part] / total[whole]) if total[whole] else 0.0

    return {
        "inconsistency": ratio("residual", "samples"),
        "least_inconsistency": ratio("least", "samples"),
        "kept_aside": {"error": ratio("missed", "aside")} if total["aside"] else None,
        "null_space_energy": ratio("nullspace", "image") ** 2,
        "disagreement": {
            "over": [each.digest or each.name for each in (method, *rivals)] if rivals else "4 flips",
            "relative_rms": ratio("disagreement", "image"),
        },
        "stability": {"relative_sigma": NOISE, "amplification": ratio("change", "noise")},
        "phase": "of the zero-filled image" if any(one.borrowed for one in slices) else "the result's",
        "maps": list(NAMES),
    }


def warn(told: Mapping[str, object]) -> None:
    """One line on the error channel."""
    aside = told["kept_aside"]
    missed = f", {aside['error']:.2%} against samples kept aside" if isinstance(aside, Mapping) else ""
    print(
        f"finemri: trust, of the samples' norm: {told['inconsistency']:.2%} against what was measured{missed}; "
        f"{told['null_space_energy']:.2%} of the image's energy was seen by no sample.",
        file=sys.stderr,
    )


def deviation(members: Sequence[Magnitude]) -> Magnitude:
    """Sample standard deviation, √(Σ (f_m − f̄)² / (M − 1)), pixel by pixel."""
    spread: Magnitude = np.stack(members).std(axis=0, ddof=1, dtype=np.float64).astype(np.float32)
    return spread


def perturbation(kspace: KSpace, sigma: float) -> np.ndarray:
    """n, complex, E |n|² = σ², where something was measured; one draw of a fixed seed."""
    real, imaginary = np.random.default_rng(0).standard_normal((2, *kspace.samples.shape), np.float32)
    noise: np.ndarray = ((real + 1j * imaginary) * kspace.mask * (sigma / math.sqrt(2))).astype(np.complex64)
    return noise


def _members(
    kspace: KSpace, image: Slice, method: ReconstructionMethod, rivals: Sequence[ReconstructionMethod]
) -> Iterator[Slice]:
    """The result, and those of rivals; or of the mirrored scan, mirrored back."""
    yield image
    for rival in rivals:
        yield reconstruct_slice(kspace, rival)
    for axes in () if rivals else MIRRORS:
        yield mirrored(reconstruct_slice(mirrored_kspace(kspace, axes), method)[None], axes)[0]


def _predicted(
    kspace: KSpace, scanner: SenseOperator, zero_filled: torch.Tensor, method: ReconstructionMethod, *, borrowed: bool
) -> dict[str, float]:
    """Σ |y_H|² and Σ |A_H f(y without H) − y_H|² of a few measured samples H: no truth, and yet an exam."""
    aside = _aside(kspace.mask)
    if not aside.any():
        return {}
    rest = kspace.undersampled(~aside)
    x = torch.from_numpy(reconstruct_slice(rest, method))[None]
    x = torch.polar(x.abs(), zero_filled.angle()) if borrowed else x
    hidden = torch.from_numpy(kspace.samples * aside)[None]
    missed = SenseOperator(torch.from_numpy(aside)[None, None], scanner.sensitivities).forward(x) - hidden
    return {"aside": _square(hidden), "missed": _square(missed)}


def _aside(mask: Sampled) -> Sampled:
    return kept_aside(mask.T).T if chosen_along_j(mask) else kept_aside(mask)


def _operator(kspace: KSpace) -> SenseOperator:
    maps = torch.from_numpy(np.ascontiguousarray(known_sensitivities(kspace)))[None]
    return SenseOperator(torch.from_numpy(np.ascontiguousarray(kspace.mask))[None, None], maps)


def _square(signal: torch.Tensor) -> float:
    return float(signal.abs().square().sum(dtype=torch.float64))
