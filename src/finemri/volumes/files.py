"""Any file or folder with a scan in it, in and out. Each format is asked: is it yours?"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from finemri.refusal import Refusal
from finemri.shapes import Affine, Voxels
from finemri.volumes import dicom, nifti
from finemri.volumes.description import Description
from finemri.volumes.landing import check_landing
from finemri.volumes.provenance import check_provenance, write_sidecar
from finemri.volumes.volume import Source, Volume

type_of_path = str | os.PathLike[str]
SLAB = 16
"""Slices that ``save_volume`` hands over at a time."""
NO_FOLDER = frozenset(".dcm .ima .img .hdr .mgz .mgh .nrrd .nhdr .mha .mhd .mnc .gz .zip .tar .png .jpg .tif .tiff .npy .json".split())
"""Suffixes that say: a file. A DICOM series is a folder."""


class Format(Protocol):
    """What a module of a format offers."""

    def claims(self, path: Path) -> bool:
        """Whether it reads what lies at this path."""

    def read(self, path: Path, series: str | None = None) -> Volume:
        """Raises Refusal with a sentence for everything that it cannot take."""

    def describe(self, path: Path) -> list[Description]:
        """What is there, without reading voxels."""

    def bytes_needed(self, shape: tuple[int, int, int], path: Path) -> int:
        """Room on the disk while it writes."""

    def write(
        self,
        slabs: Iterable[Voxels],
        shape: tuple[int, int, int],
        affine: Affine,
        path: Path,
        *,
        source: Source | None,
        provenance: Mapping[str, object],
    ) -> str:
        """Whole or not at all; returns the SHA-256 of what it wrote."""


FORMATS: dict[str, Format] = {"nifti": nifti, "dicom": dicom}
