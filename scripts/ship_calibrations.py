"""Learn which scans are strange to the shipped weights, and put that beside them (weights/*.calibration.json).

    python scripts/ship_calibrations.py ../shared/data [mtl-x2 volume-x2 volume-x4]

mtl-x2: the 180 people whom the weights learnt from, 90 to fit and 90 to calibrate. Nothing of the network is measured,
so they are as good as anybody, and the 20 held out remain for an exam. volume-x2, volume-x4: the 20 people of the label
maps, 10 and 10, which is too few for a false-alarm rate of 5 %: 10 %. Both styles of weights get the same scans.
"""

import hashlib
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.split import split
from finemri.enhance.calibrating import calibrate
from finemri.measures.calibration_file import save_calibration

SHIPPED = Path(__file__).parent.parent / "src" / "finemri" / "weights"
COHORTS = {
    "mtl-x2": ("hippocampus", 0.1, 0.05),
    "volume-x2": ("label_maps", 0.0, 0.1),
    "volume-x4": ("label_maps", 0.0, 0.1),
}
"""Weights -> cohort, share of people that the training held out, false-alarm rate."""


def main(data: Path, names: list[str]) -> None:
    """Calibrate, and write file and digest."""
    index_file = SHIPPED / "index.json"
    for name in names or COHORTS:
        folder, held_out, alpha = COHORTS[name]
        with tempfile.TemporaryDirectory() as scratch:
            people = Path(scratch) / "split-1.json"
            split(find_cohort(data / folder), (1 - held_out, held_out, 0.0), 0).save(people)  # as train deals them
            first = Path(scratch) / "first.json"
            made = calibrate(data / folder, first, weights=f"{name}-faithful", alpha=alpha, people=people)
        index = json.loads(index_file.read_text())
        for style in ("faithful", "sharp"):
            own, path = index[f"{name}-{style}"], SHIPPED / f"{name}-{style}.calibration.json"
            save_calibration(replace(made, weights_sha256=own["sha256"]), path, force=True)
            own["calibration_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        index_file.write_text(json.dumps(index, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
