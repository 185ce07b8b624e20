"""What a file or a series is, in words that name no patient."""

from dataclasses import dataclass

from finemri.volumes.slice_thickness import beside_spacing

MAX_VOXELS = 2**32
"""More than any scan, and 17 GB as float32: what a header may ask for before memory is taken."""


@dataclass(frozen=True)
class Description:
    """One series, as ``finemri inspect`` prints it. Dates, names and free text are left out on purpose."""

    format: str
    """"nifti" or "dicom"."""
    number: str
    """What to give as ``series`` to open this one; "" where there is nothing to choose."""
    uid: str
    """SeriesInstanceUID, also good as ``series``; "" for NIfTI."""
    modality: str
    """"MR", "CT", …; "" where the format does not tell."""
    shape: tuple[int, int, int]
    """Voxels along i, j, k."""
    spacing: tuple[float, float, float]
    """Millimetres along i, j, k; 0 where it is unknown."""
    stored: str
    """How the numbers lie on disk: "int16", "uint16, JPEG 2000", …"""
    skipped: int
    """Files of the folder that are no DICOM images."""
    refusal: str
    """What ``open_volume`` would say; "" when it would open."""
    slice_thickness: float | None = None
    """Millimetres that one slice is thick, if the files tell."""

    @property
    def slices(self) -> int:
        """Voxels along k."""
        return self.shape[2]

    @property
    def gap(self) -> str:
        """Thickness beside spacing in words, where they differ. Slices are stacked along k, or the widest axis of a
        NIfTI file, which may have been turned."""
        return beside_spacing(self.slice_thickness, self.spacing[2] if self.format == "dicom" else max(self.spacing))

    def __str__(self) -> str:
        i, j, k = self.shape
        size = " × ".join(f"{length:.3g}" for length in self.spacing)
        number = f"{self.number}: " if self.number else ""
        gap = f", slices {self.gap}" if self.gap else ""
        return f"{number}{self.modality or 'image'}, {k} slices of {i} × {j}, {size} mm{gap}"
