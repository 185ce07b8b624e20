"""The verb reconstruct: k-space of one coil or many, fully sampled or not, becomes an image."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from finemri.rawdata.files import open_mask, open_raw, open_sensitivities
from finemri.rawdata.scan import RawScan
from finemri.rawdata.write import check_slice_output, save_slice_image
from finemri.reconstruct.maps import SliceTrust, check_maps, numbers, save_maps, trust_slice, warn
from finemri.reconstruct.slices import compressed, reconstruct_slice
from finemri.refusal import Refusal
from finemri.shelf import ReconstructionMethod, default_reconstructor, find_reconstructor

__all__ = ["reconstruct", "reconstruct_slice"]


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
    maps: bool = False,
    rivals: Sequence[str] = (),
    force: bool = False,
    progress: bool = True,
) -> None:
    """Turn a file of k-space into an image (.npy and .h5 complex, .nii.gz and .png magnitude), with a sidecar.

    Samples that are zero in all coils count as unmeasured, unless the file or ``mask`` says what was measured; what a
    ``mask`` leaves out is forgotten. Sensitivities are the file's, or of a file of their own, or estimated from the
    centre of k-space (ESPIRiT). ``method`` is any reconstructor on the shelf or a weights file; by default, the weights
    that ship for many coils, ℓ1-wavelet for one. ``slices`` of the file, all by default; ``coils``: compress to so many
    beforehand. ``maps`` writes NIfTI maps of trust beside the result (finemri.reconstruct.maps) and numbers into the
    sidecar; methods named as ``rivals`` are what it is then compared with, instead of its own flips.
    Raises Refusal for whatever does not fit, before anything is written.
    """
    started = time.perf_counter()
    scan = open_raw(source, axes=axes, dataset=dataset, domain=domain)
    if mask is not None:
        scan = scan.with_mask(open_mask(mask))
    if sensitivities is not None:
        scan = scan.with_sensitivities(open_sensitivities(sensitivities))
    check_slice_output(output, source=scan.source, force=force)
    if maps:
        check_maps(output, scan.source, force=force)
    elif rivals:
        raise Refusal("Rivals are for maps of trust; pass --maps, or leave them out.")
    device = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    chosen = find_reconstructor(method or default_reconstructor(scan.coils), device)
    others = [find_reconstructor(name, device) for name in rivals]
    wanted = slices or tuple(range(len(scan)))
    console = Console(stderr=True)
    quiet = not progress or len(wanted) == 1 or not console.is_terminal
    images, trusts = [], list[SliceTrust]()
    for n in track(wanted, description=chosen.name, console=console, disable=quiet, transient=True):
        kspace = compressed(scan.slice(n), coils)
        images.append(reconstruct_slice(kspace, chosen))
        if maps:
            trusts.append(trust_slice(kspace, images[-1], chosen, others))
    provenance = _provenance(scan, chosen, coils, device, time.perf_counter() - started)
    if maps:
        save_maps(trusts, output, scan.spacing, force=force)
        provenance["trust"] = trust = numbers(trusts, chosen, others)
        warn(trust)
    warnings = save_slice_image(
        np.stack(images),
        output,
        spacing=scan.spacing,
        source=scan.source,
        flags=scan.flags,
        force=force,
        provenance=provenance,
    )
    for warning in (*scan.flags, *warnings):
        print(f"finemri: {warning}", file=sys.stderr)


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
