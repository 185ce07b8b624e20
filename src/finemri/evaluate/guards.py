"""Guards: what makes numbers kinder than life, found before they are believed, and said beside them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from rich.console import Console
from rich.markup import escape

from finemri.cohorts.cohort import Pair, Subject
from finemri.cohorts.seen import FIELD, content_of, knows, seen
from finemri.evaluate.scans import People
from finemri.measures import BROKEN, contract_of_broken
from finemri.measures.contract import Contract
from finemri.measures.ledger import Ledger
from finemri.refusal import Refusal
from finemri.shapes import Voxels

UNKNOWN = "not known: its weights do not say who was learnt from"
NOBODY = "none of the people judged, as its weights say who was learnt from"
BASELINE = "none: it learnt nothing"
PAIRS = "pairs of scans"


@runtime_checkable
class Headed(Protocol):
    """A method of any kind."""

    @property
    def header(self) -> Mapping[str, Any]:
        """What its weights say of themselves; empty of a baseline."""


Shelf = Mapping[str, Headed]


def refuse_seen(shelf: Shelf, scans: Mapping[str, Subject] | Mapping[str, Pair], people: People) -> dict[str, str]:
    """Label of each learned method -> whether it saw the people judged, in words.

    Raises Refusal where one did, unless ``people`` are those whom a training learnt from, asked for by name.
    """
    headers = {label: method.header for label, method in shelf.items() if method.header}
    told = {label: UNKNOWN for label, header in headers.items() if not knows(header)}
    if not any(FIELD in header for header in headers.values()):
        return told
    contents = {name: list(_contents(scan)) for name, scan in scans.items()}
    for label, header in headers.items():
        known = sorted({name.partition("#")[0] for name in seen(header, contents)})
        if known and people.asks_for_learnt:
            told[label] = f"its training learnt from {len(known)} of the people judged: no number is of strangers"
        elif known:
            raise Refusal(
                f"{label} learnt from {known[0]}{f' and {len(known) - 1} more' if known[1:] else ''}, who would be "
                "judged: judge people whom it never saw (--people with the split of its training), or ask for those it "
                "learnt from (--part train)."
            )
        elif knows(header):
            told[label] = NOBODY
    return told


def kernels_of(shelf: Shelf, judged: str | None) -> dict[str, str]:
    """Label -> what made low resolution in training and in the exam, and whether that is the same.

    ``judged``: a degradation or a sampling pattern by its name; None: scans that nothing was done to.
    """
    return {label: _kernels(learnt_kernels(method.header), judged) for label, method in shelf.items()}


def learnt_kernels(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the degradations or sampling patterns that weights learnt on; () of a baseline. A header that names none
    learnt on pairs."""
    settings = header.get("settings")
    if not isinstance(settings, Mapping):
        return ()
    sigma = settings.get("sigma", 1.0)
    scanning = settings.get("scanning")
    patterns = scanning.get("patterns") if isinstance(scanning, Mapping) else None
    names = settings.get("degradations") or patterns or (PAIRS,)
    return tuple(f"blur-{sigma:g}" if name == "blur" and sigma != 1 else str(name) for name in names)


def say(ledger: Ledger, *, seen: Mapping[str, str], kernels: Mapping[str, str]) -> None:
    """Write both into settings.json, and print what nobody should overlook."""
    console = Console()
    for label, sentence in seen.items():
        ledger.tell("seen", label, sentence)
        if sentence not in (NOBODY, UNKNOWN):
            console.print(f"[bold yellow]{escape(label)}: {escape(sentence)}.[/bold yellow]", soft_wrap=True)
    for label, sentence in kernels.items():
        ledger.tell("kernels", label, sentence)
        if sentence != BASELINE:
            console.print(f"{escape(label)}: {escape(sentence)}.", soft_wrap=True)


def flaws_of(image: Voxels, subject: str, label: str) -> tuple[list[tuple[str, float, Contract]], tuple[str, ...]]:
    """What is wrong with what a method made: the share of voxels that are no number, as a measure, and sentences."""
    bad = sum(int(np.count_nonzero(~np.isfinite(plane))) for plane in image)
    if bad:
        share = bad / image.size
        said = f"{label} made {bad} voxels of {subject} ({share:.2g} of all) that are no numbers: it failed here"
        return [(BROKEN, share, contract_of_broken("none"))], (f"{said}, and no image is kept.",)
    if np.ptp(image) == 0:
        return [], (f"{label} made a constant image of {subject}; its numbers stand as they are.",)
    return [], ()


def _kernels(learnt: tuple[str, ...], judged: str | None) -> str:
    if not learnt:
        return BASELINE
    said = f"learnt on {' and '.join(learnt)}, judged on {judged or PAIRS}"
    if judged is None or learnt == (PAIRS,):
        return said
    if judged not in learnt:
        return f"{said}: another kernel"
    return f"{said}: the same kernel, which is kinder than life"


def _contents(scan: Subject | Pair) -> Iterator[str]:
    """Of every file that can be read; one that cannot is nobody's, and refused when its turn comes."""
    for path in _files(scan):
        with suppress(Refusal):
            yield content_of(path)


def _files(scan: Subject | Pair) -> Iterable[Path]:
    return (scan.coarse, scan.fine) if isinstance(scan, Pair) else scan.files
