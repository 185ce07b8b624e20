"""The one loop of evaluate: who is judged by what, what came of it, and who writes it down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from rich.console import Console
from rich.markup import escape

from finemri.evaluate.scans import label_of, progress_bar
from finemri.measures import BROKEN
from finemri.measures.costs import Cost
from finemri.measures.ledger import Ledger
from finemri.measures.tidy import Row, write_text
from finemri.refusal import Refusal
from finemri.shelf import Method, ReconstructionMethod
from finemri.spread import ALONE, Bench, Crew, Work, failures, spread

Scan = TypeVar("Scan")
Kind = TypeVar("Kind", Method, ReconstructionMethod)


@dataclass(frozen=True)
class Named:
    """A method as plain data: where its weights lie, and that they are the same everywhere."""

    name: str
    digest: str | None


def device_of(name: str) -> str:
    """ "auto" is a GPU where there is one."""
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def shelved(
    names: Sequence[str], find: Callable[[str], Kind], example: str
) -> tuple[dict[str, Kind], dict[str, Named]]:
    """Label -> method, and label -> how another process finds it. Raises Refusal where there is none."""
    shelf, plain = {}, {}
    for name in names:
        method = find(name)
        label = label_of(name, method.name, method.digest)
        there = Path(name).is_file() and method.digest is not None
        shelf[label], plain[label] = method, Named(str(Path(name).absolute()) if there else name, method.digest)
    if not shelf:
        raise Refusal(f"There is no method to evaluate; name at least one, for example {example}.")
    return shelf, plain


def found_again(plain: Mapping[str, Named], find: Callable[[str], Kind]) -> dict[str, Kind]:
    """The same methods in another process. Raises Refusal where its weights are others."""
    shelf = {label: find(named.name) for label, named in plain.items()}
    for label, method in shelf.items():
        if method.digest != plain[label].digest:
            raise Refusal(f"The weights of {label} are others at a worker; give all the same files.")
    return shelf


@dataclass(frozen=True)
class Unit(Generic[Scan]):
    """One subject: where the scan lies, and the methods whose rows are missing. Plain data, for any process."""

    subject: str
    scan: Scan
    missing: tuple[str, ...]
    known: str | None = None
    """Digest of the files that the rows so far were made from."""

    def agree(self, digest: str) -> str:
        """The digest of the files, as found. Raises Refusal where they have changed."""
        if self.known not in (None, digest):
            raise Refusal(
                f"{self.subject} has changed since its rows were written; choose another folder, or replace them by "
                "force."
            )
        return digest


@dataclass(frozen=True)
class Found:
    """What one process found out about a subject: its digest, and then one method after the other."""

    digest: str
    method: str = ""
    rows: tuple[Row, ...] = ()
    cost: Cost | None = None
    remarks: tuple[str, ...] = ()
    """For the person who waits."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Kind -> something plain about the subject, for ``Ledger.tell``."""


def run(
    work: Work[Unit[Scan], Found],
    bench: Bench[Unit[Scan], Found],
    scans: Mapping[str, Scan],
    shelf: Mapping[str, Method] | Mapping[str, ReconstructionMethod],
    ledger: Ledger,
    crew: Crew,
    *,
    memory: int | None = None,
) -> list[str]:
    """Every method on every scan where its rows are missing; returns why some scans could not be judged.

    This process alone writes into the ledger, each method's rows of a subject at once and as they come. Scans with
    nothing missing are only looked at: have they changed?
    """
    _introduce(shelf, ledger)
    if crew.workers not in ("auto", 1):
        ledger.put("workers", crew.workers)  # times depend on it
    known, failed = ledger.settings["subjects"], []
    units = [
        Unit(name, scan, tuple(label for label in shelf if (name, label) not in ledger), known.get(name))
        for name, scan in scans.items()
    ]
    whole, parts = ([unit for unit in units if bool(unit.missing) == some] for some in (False, True))
    with progress_bar() as progress:
        task = progress.add_task("", total=len(units) * len(shelf))
        progress.advance(task, len(units) * len(shelf) - sum(len(unit.missing) for unit in units))
        for share, who in ((whole, ALONE), (parts, crew)):
            for outcome in spread(work, bench, share, who, memory=memory):
                subject = outcome.unit.subject
                for found in outcome.pieces:
                    ledger.agree("subjects", subject, found.digest)
                    for kind, what in found.about.items():
                        ledger.tell(kind, subject, what)
                    if found.rows and (subject, found.method) not in ledger:
                        ledger.add(found.rows, found.cost)
                    for remark in found.remarks:
                        progress.console.print(f"[yellow]{escape(remark)}[/yellow]")
                    if found.method in outcome.unit.missing:
                        progress.update(task, advance=1, description=f"{subject} {found.method}")
                if outcome.failure is not None:
                    failed.append(f"{subject}: {outcome.failure}")
                    progress.console.print(f"finemri: {escape(failed[-1])}")
    ledger.arrange(list(scans))
    return failed


def _introduce(shelf: Mapping[str, Method] | Mapping[str, ReconstructionMethod], ledger: Ledger) -> None:
    """What is judged, and the cards of what is judged."""
    for label, method in shelf.items():
        ledger.agree("methods", label, method.digest or "")
        ledger.describe(label, method.header, method.parameters)
        if method.card is not None:
            cards = ledger.path.with_name("cards")
            cards.mkdir(exist_ok=True)
            write_text(cards / f"{label}.md", method.card.read_text(encoding="utf-8"))


def say_unkept(images: Path | None, ending: str, ledger: Ledger) -> None:
    """Images that were asked for after their numbers were made: nobody makes them again unasked."""
    lost = {(row.subject, row.method) for row in ledger.rows if row.measure == BROKEN}
    wanted = () if images is None else ledger.done - lost
    if count := sum(not (images / f"{name}_{label}{ending}").is_file() for name, label in wanted if images):
        Console(stderr=True).print(
            f"[yellow]{count} images were not kept when their numbers were made; --force makes all anew.[/yellow]",
            soft_wrap=True,
        )


class Unfinished(Refusal):
    """Some scans could not be judged; the others are, and written down."""


def refuse(failed: Sequence[str], of: int) -> None:
    """Raises Unfinished where some scans could not be judged, at the very end."""
    if failed:
        raise Unfinished(failures(failed, of, "judged"))
