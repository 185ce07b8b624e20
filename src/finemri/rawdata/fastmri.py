"""fastMRI HDF5: `kspace` (slice, coil, i, j), or (slice, i, j) of a single coil; the readout i keeps its oversampling.

Knoll et al., fastMRI: a publicly available raw k-space and DICOM dataset, Radiology: AI 2020.
"""

from pathlib import Path

from finemri.rawdata import hdf5
from finemri.rawdata.header import Header, parse
from finemri.rawdata.stored import Stored
from finemri.refusal import Refusal

SIGNS = ("ismrmrd_header", "reconstruction_rss", "reconstruction_esc")
"""Any of them tells fastMRI from another file with a dataset `kspace`."""
MAPS = ("sensitivities", "sens_maps", "sensitivity_maps")


def claims(path: Path) -> bool:
    """An HDF5 file with a dataset `kspace`, no MATLAB file."""
    if path.suffix.lower() == ".mat" or not hdf5.is_hdf5(path):
        return False
    with hdf5.opened(path) as root:
        return hdf5.has(root, "kspace")


def read(path: Path, dataset: str | None = None) -> Stored:
    """Samples, mask, sensitivities where there are some, and what the header tells. Raises Refusal for other shapes."""
    with hdf5.opened(path) as root:
        samples = hdf5.array(root, dataset or "kspace", path)
        mask = hdf5.array(root, "mask", path) if hdf5.has(root, "mask") else None
        maps = next((hdf5.array(root, name, path) for name in MAPS if hdf5.has(root, name)), None)
        header = parse(hdf5.text(root, "ismrmrd_header", path)) if hdf5.has(root, "ismrmrd_header") else Header()
        sure = any(hdf5.has(root, name) for name in SIGNS) or "acquisition" in root.attrs
    facts = {"format": "fastMRI HDF5" if sure else "HDF5 with a dataset kspace", **header.facts}
    axes = ("slice", "coil", "i", "j") if samples.ndim == 4 else ("slice", "i", "j") if samples.ndim == 3 else None
    if not sure and samples.ndim == 3:
        axes = None
    if samples.ndim not in (2, 3, 4):
        raise Refusal(f"kspace in {path.name} has {samples.ndim} axes, and fastMRI has three or four; cut it first.")
    spacing, shown = None, None
    if header.matrix is not None and header.field_of_view is not None and axes is not None:
        x, y, z = header.field_of_view
        i, j = samples.shape[-2:]
        spacing = (z / header.matrix[2], *[None] * (len(axes) - 3), x / i, y / j)
    if header.shown is not None and axes is not None:
        shown = (
            *[None] * (len(axes) - 2),
            min(header.shown[0], samples.shape[-2]),
            min(header.shown[1], samples.shape[-1]),
        )
    return Stored(samples, axes, "as fastMRI stores them", mask, maps, spacing, shown, facts=facts)
