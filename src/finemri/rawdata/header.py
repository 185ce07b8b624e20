"""The header of ISMRMRD, as fastMRI has it too: the few facts of the scan, and nothing of the person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from finemri.refusal import Refusal

SCHEMA = "{http://www.ismrm.org/ISMRMRD}"


@dataclass(frozen=True)
class Header:
    """Matrices and fields of view, (x, y, z) in pixels and millimetres: x is the readout."""

    matrix: tuple[int, int, int] | None = None
    field_of_view: tuple[float, float, float] | None = None
    shown: tuple[int, int, int] | None = None
    trajectory: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Encoding step -> its centre, of those the header tells: kspace_encoding_step_1."""
    facts: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> Header:
    """Raises Refusal for what is no ISMRMRD header, or brings entities of its own."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Refusal("The ISMRMRD header declares entities, which no scanner does; export the file again.")
    try:
        root = ET.fromstring(text.strip())  # noqa: S314  (no entities, see above)
    except ET.ParseError as broken:
        raise Refusal("The ISMRMRD header is not XML; it is damaged, so export the file again.") from broken
    encoding = root.find(f"{SCHEMA}encoding")
    if encoding is None:
        raise Refusal("The ISMRMRD header has no encoding, so its matrix is unknown; export the file again.")
    matrix, view = _triple(encoding, "encodedSpace/matrixSize"), _triple(encoding, "encodedSpace/fieldOfView_mm")
    shown = _triple(encoding, "reconSpace/matrixSize")
    facts = {}
    if field_strength := _number(root, "acquisitionSystemInformation/systemFieldStrength_T"):
        facts["field strength"] = f"{field_strength:.3g} T"
    for title, place, unit in (("TR", "TR", "ms"), ("TE", "TE", "ms"), ("flip angle", "flipAngle_deg", "°")):
        if value := _number(root, f"sequenceParameters/{place}"):
            facts[title] = f"{value:.4g} {unit}"
    if factor := _number(encoding, "parallelImaging/accelerationFactor/kspace_encoding_step_1"):
        facts["acceleration, says the header"] = f"{factor:g}"
    if matrix is not None and shown is not None and matrix[0] > shown[0] > 0:
        facts["readout oversampling"] = f"{matrix[0] / shown[0]:.3g}, kept: the scanner would show {shown[0]:g} pixels"
    centres = {}
    for step in ("kspace_encoding_step_0", "kspace_encoding_step_1", "kspace_encoding_step_2"):
        centre = (encoding.findtext(_place(f"encodingLimits/{step}/center")) or "").strip()
        if centre.isdigit():
            centres[step] = int(centre)
    return Header(
        None if matrix is None else (int(matrix[0]), int(matrix[1]), int(matrix[2])),
        view,
        None if shown is None else (int(shown[0]), int(shown[1]), int(shown[2])),
        (encoding.findtext(_place("trajectory")) or "").strip().lower(),
        centres,
        facts,
    )


def _place(path: str) -> str:
    return "/".join(f"{SCHEMA}{part}" for part in path.split("/"))


def _number(root: ET.Element, path: str) -> float | None:
    """A positive number, or None where there is none."""
    element = root.find(_place(path))
    try:
        value = float((element.text or "") if element is not None else "")
    except ValueError:
        return None
    return value if 0 < value < 1e6 else None


def _triple(root: ET.Element, path: str) -> tuple[float, float, float] | None:
    x, y, z = (_number(root, f"{path}/{axis}") for axis in "xyz")
    return None if x is None or y is None or z is None else (x, y, z)
