"""A calibration as a file: JSON, numbers alone, nobody's name."""

import json
from dataclasses import asdict
from pathlib import Path

from finemri.landing import check_landing, landing_file
from finemri.measures.strangeness import Calibration, Usual
from finemri.refusal import Refusal

FORMAT, VERSION = "finemri calibration", 1
DIGITS = 6


def save_calibration(calibration: Calibration, path: Path, *, force: bool = False) -> None:
    """Write it, whole or not at all, to ``DIGITS`` significant digits. Raises Refusal as every result does."""
    check_landing(path, force=force)
    told = {"format": FORMAT, "version": VERSION, **asdict(calibration)}
    with landing_file(path) as stream:
        stream.write((json.dumps(_rounded(told), ensure_ascii=False, separators=(",", ":")) + "\n").encode())


def open_calibration(path: Path) -> Calibration:
    """Read what ``save_calibration`` wrote. Raises Refusal for anything else."""
    broken = f"{path.name} is no calibration that this version of finemri wrote; make one with finemri calibrate."
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if (told.pop("format"), told.pop("version")) != (FORMAT, VERSION):
            raise Refusal(broken)
        usual, distances = told.pop("usual"), told.pop("distances")
        precision = tuple(tuple(map(float, row)) for row in usual["precision"])
        centre, spread = (tuple(map(float, usual[key])) for key in ("centre", "spread"))
        return Calibration(
            Usual(tuple(map(str, usual["features"])), centre, spread, precision),
            tuple(tuple(map(float, person)) for person in distances),
            **told,
        )
    except FileNotFoundError:
        raise Refusal(f"There is no calibration {path.name}; check the path.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refusal(broken) from error


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
