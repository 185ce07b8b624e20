"""The tidy CSV: one number a row, with all that it depends on. Tables, statistics and reports read nothing else."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from finemri.landing import disk_trouble_refused, landing_file, make_sure
from finemri.measures.contract import Contract
from finemri.refusal import Refusal

COLUMNS = ("subject", "method", "degradation", "scale", "measure", "value", "contract")


@dataclass(frozen=True)
class Row:
    """One number."""

    subject: str
    """A pseudonym; a person's second scan is called person#2."""
    method: str
    degradation: str
    """With its noise."""
    scale: int
    measure: str
    value: float
    contract: Contract

    @property
    def person(self) -> str:
        """Whose scan it is."""
        return self.subject.partition("#")[0]


def read_rows(path: Path) -> list[Row]:
    """Every row of a tidy CSV, and those that are about to be appended. Raises Refusal for a file that is none."""
    try:
        reader = csv.reader(io.StringIO(_settled(path).decode(), newline=""))
        if tuple(next(reader, ())) != COLUMNS:
            raise ValueError
        return [
            Row(subject, method, degradation, int(scale), measure, float(value), Contract.parse(contract))
            for subject, method, degradation, scale, measure, value, contract in reader
        ]
    except FileNotFoundError:
        raise Refusal(f"There is no {path}; run finemri evaluate first.") from None
    except ValueError as error:
        raise Refusal(f"{path} is not a table that finemri evaluate wrote; choose another folder.") from error


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write all rows, whole or not at all. Values keep every digit."""
    _coming(path).unlink(missing_ok=True)  # first: it is of the old file
    write_table(path, [COLUMNS, *_table(rows)])


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write more rows below those that are there, all of them or none, however many there are: what is to come is put
    down beside the file first, so that ``finish_rows`` can end what a process that died began."""
    write_text(_coming(path), f"{path.stat().st_size}\n{_csv(_table(rows))}")
    finish_rows(path)


def finish_rows(path: Path) -> None:
    """End an append that was broken off, if one was."""
    coming = _coming(path)
    if not coming.is_file():
        return
    size, _, more = coming.read_bytes().partition(b"\n")
    with disk_trouble_refused(path), path.open("r+b") as file:
        file.truncate(int(size))
        file.seek(0, io.SEEK_END)
        file.write(more)
        make_sure(file)
    coming.unlink()


def write_table(path: Path, table: Iterable[Iterable[object]]) -> None:
    """Write a CSV, whole or not at all."""
    write_text(path, _csv(table))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with landing_file(path) as stream:
        stream.write(text.encode())


def _table(rows: Iterable[Row]) -> Iterator[list[object]]:
    return ([r.subject, r.method, r.degradation, r.scale, r.measure, repr(r.value), str(r.contract)] for r in rows)


def _csv(table: Iterable[Iterable[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue()


def _coming(path: Path) -> Path:
    """How long the file is, and what comes after that."""
    return path.with_name(f".{path.name}.coming")


def _settled(path: Path) -> bytes:
    """The file as ``finish_rows`` would leave it."""
    found, coming = path.read_bytes(), _coming(path)
    if not coming.is_file():
        return found
    size, _, more = coming.read_bytes().partition(b"\n")
    return found[: int(size)] + more
