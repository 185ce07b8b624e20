"""Work: plain data that every process can be told, and the bench that it sets up there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from finemri.refusal import Refusal

Unit = TypeVar("Unit")
Piece = TypeVar("Piece")
UnitIn = TypeVar("UnitIn", contravariant=True)
PieceOut = TypeVar("PieceOut", covariant=True)


@runtime_checkable
class Bench(Protocol[UnitIn, PieceOut]):
    """What stands ready in one process, weights loaded: a unit -> pieces, as they are made."""

    def __call__(self, unit: UnitIn, /) -> Iterator[PieceOut]:
        """Raises whatever goes wrong with this unit alone."""


@runtime_checkable
class Work(Protocol[UnitIn, PieceOut]):
    """What is to be done with every unit. Plain data, which travels to other processes; so do units and pieces."""

    def ready(self) -> Bench[UnitIn, PieceOut]:
        """Set up the bench: once in every process."""

    def within(self, workers: int) -> "Work[UnitIn, PieceOut]":
        """The same, where so many processes share the memory budget."""


@dataclass(frozen=True)
class Outcome(Generic[Unit, Piece]):
    """Pieces of one unit: all of them from elsewhere, one at a time from this process; or why there are no more."""

    unit: Unit
    pieces: tuple[Piece, ...] = ()
    failure: str | None = None


def told(reason: Exception) -> str:
    """A sentence for the user. Of what is no Refusal the name alone: its words may hold a path, or a patient."""
    return str(reason) if isinstance(reason, Refusal) else f"{type(reason).__name__}."


def collected(bench: Bench[Unit, Piece], unit: Unit) -> Outcome[Unit, Piece]:
    """All pieces of one unit: those made before something went wrong as well."""
    pieces = []
    try:
        for piece in bench(unit):
            pieces.append(piece)  # noqa: PERF402  # what was made before an exception counts
    except Exception as reason:  # whatever it is, the next unit may be sound
        return Outcome(unit, tuple(pieces), told(reason))
    return Outcome(unit, tuple(pieces))
