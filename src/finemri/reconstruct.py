"""The verb reconstruct: k-space of one coil or many, fully sampled or not, becomes an image."""

import sys
import time
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from finemri.physics.coils import compress, estimate_sensitivities
from finemri.physics.kspace import KSpace
from finemri.rawdata.files import open_mask, open_raw, open_sensitivities
from finemri.rawdata.scan import RawScan
from finemri.rawdata.write import check_slice_output, save_slice_image
from finemri.refusal import Refusal
from finemri.shapes import Slice
from finemri.shelf import ReconstructionMethod, default_reconstructor, find_reconstructor


def reconstruct(
    source: Path,
    output: Path,
    *,
    method: str | None = None,
    mask: Path | None = None,
    sensitivities: Path | None = None,
    slices: tuple[int, ...] = (),
    axes: str | None = None,
    dataset: str | None = None,
    domain: Literal["kspace", "image"] | None = None,
    coils: int | None = None,
    device: str = "auto",
    force: bool = False,
    progress: bool = True,
) -> None:
    """Turn a file of k-space into an image (.npy and .h5 complex, .nii.gz and .png magnitude), with a sidecar.

    Samples that are zero in all coils count as unmeasured, unless the file or ``mask`` says what was measured; what a
    ``mask`` leaves out is forgotten. Sensitivities are the file's, or of a file of their own, or estimated from the
    centre of k-space (ESPIRiT). ``method`` is any reconstructor on the shelf or a weights file; by default, the weights
    that ship for many coils, ℓ1-wavelet for one. ``slices`` of the file, all by default; ``coils``: compress to so many
    beforehand.
    Raises Refusal for whatever does not fit, before anything is written.
    """
    started = time.perf_counter()
    scan = open_raw(source, axes=axes, dataset=dataset, domain=domain)
    if mask is not None:
        scan = scan.with_mask(open_mask(mask))
    if sensitivities is not None:
        scan = scan.with_sensitivities(open_sensitivities(sensitivities))
    check_slice_output(output, source=scan.source, force=force)
    device = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    chosen = find_reconstructor(method or default_reconstructor(scan.coils), device)
    numbers = slices or tuple(range(len(scan)))
    console = Console(stderr=True)
    quiet = not progress or len(numbers) == 1 or not console.is_terminal
    told = track(numbers, description=chosen.name, console=console, disable=quiet, transient=True)
    images = np.stack([reconstruct_slice(scan.slice(n), chosen, coils) for n in told])
    warnings = save_slice_image(
        images,
        output,
        spacing=scan.spacing,
        source=scan.source,
        flags=scan.flags,
        force=force,
        provenance=_provenance(scan, chosen, coils, device, time.perf_counter() - started),
    )
    for warning in (*scan.flags, *warnings):
        print(f"finemri: {warning}", file=sys.stderr)


def reconstruct_slice(kspace: KSpace, method: ReconstructionMethod, coils: int | None = None) -> Slice:
    """One slice, after compression and with sensitivities, where they are needed and not known."""
    if coils is not None and coils < kspace.coils:
        kspace = compress(kspace, coils)
    if method.reconstructor.needs_sensitivities and kspace.sensitivities is None and kspace.coils > 1:
        kspace = kspace.with_sensitivities(estimate_sensitivities(kspace))
    image = method.reconstructor(kspace)
    if not np.isfinite(image).all():
        raise Refusal("The image holds pixels that are not finite (NaN or Inf); try another method.")
    return image


def _provenance(
    scan: RawScan, method: ReconstructionMethod, coils: int | None, device: str, seconds: float
) -> dict[str, object]:
    sampled = scan.sampled
    return {
        "method": method.name,
        "weights_sha256": method.digest,
        "weights_header": dict(method.header) or None,
        "settings": {
            "coils": scan.coils,
            "compressed_to": coils if coils is not None and coils < scan.coils else None,
            "sensitivities": _sensitivities(scan, method),
            "matrix": list(scan.shape),
            "sampled": round(float(sampled.mean()), 4),
        },
        "device": device,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 3),
        "warnings": list(scan.flags),
    }


def _sensitivities(scan: RawScan, method: ReconstructionMethod) -> str:
    """Where they came from."""
    if scan.sensitivities is not None:
        return "given"
    return "ESPIRiT" if scan.coils > 1 and method.reconstructor.needs_sensitivities else "none"
