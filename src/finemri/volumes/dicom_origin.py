"""What a derived DICOM series comes from: the source's slices, where they lie, and what all of them say."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import NAMESPACE_OID, uuid4, uuid5

import numpy as np
from jaxtyping import Float64
from pydicom import Dataset

from finemri.refusal import Refusal
from finemri.volumes.dicom_scan import BROKEN, Slice, read_dataset, read_slice
from finemri.volumes.dicom_series import directions
from finemri.volumes.slice_thickness import agreed
from finemri.volumes.volume import Source

ACQUISITION = [
    "AcquisitionDate", "AcquisitionTime", "PatientPosition", "BodyPartExamined", "Laterality", "ProtocolName",
    "ContrastBolusAgent", "ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType",
    "SequenceName", "RepetitionTime", "EchoTime", "InversionTime", "NumberOfAverages", "EchoNumbers",
    "EchoTrainLength", "FlipAngle", "MagneticFieldStrength", "ImagingFrequency", "ImagedNucleus",
    "BurnedInAnnotation", "RecognizableVisualFeatures", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
]  # fmt: skip
"""How the source was scanned: a radiologist wants to see it, and it is still true."""
STARTED = ["AcquisitionDate", "AcquisitionTime"]
"""A slice made from several began with the first of them."""
LOSSY = ["LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"]
"""Lossy once is lossy for ever."""
WARNINGS = ["BurnedInAnnotation", "RecognizableVisualFeatures"]
"""YES, if one slice says so."""
TURN = 0.01
"""Unit vectors that differ by less are one direction, and a slope within it of 1 is 1."""


@dataclass(frozen=True, eq=False)
class Origin:
    """What a result is derived from."""

    header: Dataset
    """Of the first source slice, without what only some slices say; made up where the source is no DICOM."""
    slices: tuple[Slice, ...]
    """The source's instances, in order along their normal; () where it is no DICOM."""

    def __str__(self) -> str:
        """How many slices, how thick and how far apart: what the result's own header no longer tells."""
        thickness = agreed([image.thickness for image in self.slices])
        thick = "of unknown thickness" if thickness is None else f"{thickness:.3g} mm thick"
        count = len(self.slices)
        return f"{count} slices {thick}, {self.apart:.3g} mm apart" if self.apart else f"one slice {thick}"

    def nearest(self, position: Float64[np.ndarray, "3"]) -> list[Slice]:
        """The two source slices around a place (LPS, mm)."""
        return [self.slices[n] for n in sorted(np.argsort(abs(self.along - position @ self.normal), kind="stable")[:2])]

    @cached_property
    def normal(self) -> Float64[np.ndarray, "3"]:
        """Of the slices, along row × column (LPS)."""
        return np.cross(*directions(self.slices[0]))

    @cached_property
    def along(self) -> Float64[np.ndarray, " slice"]:
        """Millimetres of every slice along the normal."""
        along: Float64[np.ndarray, " slice"] = np.array([image.position for image in self.slices]) @ self.normal
        return along

    @property
    def apart(self) -> float | None:
        """Millimetres from slice to slice along the normal; None where there are not two."""
        count = len(self.slices)
        return float(self.along[-1] - self.along[0]) / (count - 1) if count > 1 else None

    def counts_down(self, normal: Float64[np.ndarray, "3"]) -> bool:
        """Whether the source's InstanceNumber falls along ``normal``: a viewer pages through the result alike."""
        if len(self.slices) < 2:
            return False
        first, last = self.slices[0].instance, self.slices[-1].instance
        return first is not None and last is not None and (last - first) * float(normal @ self.normal) < 0

    def location(self, position: Float64[np.ndarray, "3"], normal: Float64[np.ndarray, "3"]) -> float | None:
        """SliceLocation of a slice at a place (LPS, mm), counted as the source counts: vendors differ in sign and zero.

        None where the source has none, or none that is a distance along the normal of both.
        """
        told = [image.location for image in self.slices]
        known = np.array([mm for mm in told if mm is not None])
        if not 1 < len(known) == len(told) or np.linalg.norm(np.cross(normal, self.normal)) > TURN:
            return None
        slope, start = np.polyfit(self.along, known, 1)
        if abs(abs(slope) - 1) > TURN or abs(start + slope * self.along - known).max() > 0.1 * (self.apart or 0):
            return None
        return float(start + slope * (position @ self.normal))


def origin_of(source: Source | None) -> Origin:
    """Headers of the source's files. A NIfTI file becomes a study of nobody, the same one for every result from it."""
    if source is not None and source.format == "dicom":
        try:
            slices = tuple(image for image in map(read_slice, source.paths) if image is not None)
            header = read_dataset(source.paths[0])
            agree(header, [read_dataset(path, ACQUISITION) for path in source.paths])
        except BROKEN as trouble:
            raise Refusal("The source's DICOM files are gone or changed; the result must refer to them.") from trouble
        return Origin(header, slices)
    seed = source.sha256 if source is not None else uuid4().hex
    header = Dataset()
    header.PatientID = f"FINEMRI-{seed[:12].upper()}"
    header.StudyInstanceUID = f"2.25.{uuid5(NAMESPACE_OID, seed + 'study').int}"
    header.FrameOfReferenceUID = f"2.25.{uuid5(NAMESPACE_OID, seed + 'frame of reference').int}"
    return Origin(header, ())


def agree(header: Dataset, slices: Sequence[Dataset]) -> None:
    """Leave in ``header`` only what holds for a slice that is made from many."""
    for keyword in ACQUISITION:
        if len({stored(dataset, keyword) for dataset in slices}) > 1:
            if keyword in header:
                del header[keyword]
            said = speaker(keyword, slices)
            if said is not None and keyword in said:
                header[keyword] = said.get_item(keyword)


def speaker(keyword: str, slices: Sequence[Dataset]) -> Dataset | None:
    """Whose word holds where slices differ; None where nobody's does."""
    if keyword in STARTED:
        known = [dataset for dataset in slices if all(stored(dataset, word) for word in STARTED)]
        return min(known, key=lambda dataset: [stored(dataset, word) for word in STARTED], default=None)
    if keyword in LOSSY:
        return max(slices, key=lambda dataset: stored(dataset, LOSSY[0]))
    return max(slices, key=lambda dataset: stored(dataset, keyword)) if keyword in WARNINGS else None


def stored(dataset: Dataset, keyword: str) -> bytes:
    """A value as it lies in the file, whether it is valid or not; b"" where there is none."""
    value = dataset.get_item(keyword).value if keyword in dataset else None
    return value.strip(b" \0") if isinstance(value, bytes) else str(value or "").encode()
