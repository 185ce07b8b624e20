"""One scan of thick slices: opened, made even, made thin, held against what was measured, and saved."""

import math
import sys

from finemri.enhance.one import Job, Reporter
from finemri.enhance.thin import DAMPING, Taken, Thin, take
from finemri.enhance.thin_maps import Sliced, map_paths
from finemri.enhance.thinners import Thinner
from finemri.measures.trust import energy_share
from finemri.refusal import Refusal
from finemri.volumes.files import check_output, open_volume, save_volume
from finemri.volumes.grid import millimetres
from finemri.volumes.portrait import measure_portrait
from finemri.volumes.tiles import RESERVE, resident_bytes

COPIES = 4
"""Of the result, that stand in memory beside a method's own work."""


def thin_one(
    job: Job,
    thinner: Thinner,
    thin: Thin,
    *,
    memory: int | None,
    series: str | None = None,
    maps: bool = False,
    force: bool = False,
    report: Reporter | None = None,
) -> None:
    """The result stands in memory as a whole, a few times over. Raises Refusal where ``memory`` does not suffice."""
    scan = open_volume(job.source, series)
    taken = take(scan, thin)
    check_output(job.output, shape=taken.shape, source=scan.source, force=force)
    if maps:
        for path in map_paths(job.output).values():
            check_output(path, source=scan.source, force=force, sidecar=False)
    room = _room(taken, memory)
    warnings = thinner.warnings(taken)
    for sentence in taken.remarks:
        print(f"finemri: {sentence}", file=sys.stderr)
    for sentence in warnings:
        print(f"finemri: warning: this scan is unlike those that the weights learnt from. {sentence}", file=sys.stderr)
    fine, told = thinner.make(taken, room, report)
    sliced = Sliced.of(taken)
    keeping = thin.consistency or ("damped" if taken.known and thinner.digest else "none")
    fine = sliced.kept_by(fine, keeping)
    residual = sliced.residual(fine)
    off = math.sqrt(energy_share(residual.voxels, sliced.scan.voxels))
    trust: dict[str, object] = {"inconsistency": off}
    print(
        f"finemri: made {millimetres(fine.spacing)} by {thinner.name}; its slices differ from the measured ones by "
        f"{off:.2%}.",
        file=sys.stderr,
    )
    if maps:
        invented = sliced.invented(fine)
        trust |= {"null_space_energy": energy_share(invented.voxels, fine.voxels), "maps": list(map_paths(job.output))}
        for name, drawn in (("residual", residual), ("nullspace", invented)):
            save_volume(drawn, map_paths(job.output)[name], force=force)
    provenance = {
        **told,
        "method": thinner.name,
        **({"weights_sha256": thinner.digest} if thinner.digest else {}),
        "scale": [m / n for m, n in zip(taken.shape, scan.shape, strict=True)],
        "degradation": {**told.get("degradation", {}), **taken.told},
        "contract": {"consistency": keeping, "damping": DAMPING[keeping]},
        "grid": {"input_shape": list(scan.shape), "input_mm": list(scan.spacing), "asked_mm": list(taken.target)},
        "memory": memory,
        "portrait": measure_portrait(scan),
        "warnings": [*taken.remarks, *warnings],
        "trust": trust,
    }
    save_volume(fine, job.output, force=force, provenance=provenance)


def _room(taken: Taken, memory: int | None) -> int | None:
    """Bytes of the budget that are left for the work itself."""
    if memory is None:
        return None
    held = resident_bytes() + RESERVE + COPIES * 4 * math.prod(taken.shape)
    if held >= memory:
        raise Refusal(
            f"The result is held in memory, for which {memory / 2**20:.0f} MiB are too few; give more than --memory "
            f"{math.ceil(held / 2**20)}MiB, or ask for a coarser --spacing."
        )
    return memory - held
