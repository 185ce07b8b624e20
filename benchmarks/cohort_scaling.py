"""How much sooner is a cohort judged by two workers than by one process, on this machine?

    python benchmarks/cohort_scaling.py COHORT [SCANS] [WORKERS]

Both judge the same scans by volume-x2-faithful and by a spline, one thread for each process, so that the ratio is about
sharing and not about threads. Starting workers counts. Sequential first, then shared, then sequential again, for other
work on the machine: their mean is what the shared run is held against.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch looks

import shutil
import sys
import tempfile
import time
from pathlib import Path

from finemri.evaluate import Crew, evaluate

METHODS = ("spline", "volume-x2-faithful")


def seconds(scans: Path, into: Path, crew: Crew) -> float:
    begin = time.perf_counter()
    evaluate(scans, METHODS, degradation="kspace", into=into, device="cpu", memory=4 * 2**30, crew=crew)
    return time.perf_counter() - begin


def main(cohort: str, count: int = 24, workers: int = 2) -> None:
    with tempfile.TemporaryDirectory() as name:
        scans = Path(name) / "scans"
        scans.mkdir()
        for path in sorted(Path(cohort).glob("*.nii.gz"))[:count]:
            shutil.copy(path, scans)
        before = seconds(scans, Path(name) / "before", Crew(1))
        shared = seconds(scans, Path(name) / "shared", Crew(workers))
        after = seconds(scans, Path(name) / "after", Crew(1))
    print(f"{count} scans, {workers} workers: {shared:.1f} s; alone, before and after: {before:.1f} s, {after:.1f} s")
    print(f"sequential over shared: {(before + after) / 2 / shared:.2f}")


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
