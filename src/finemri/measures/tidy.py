"""The tidy CSV: one number a row, with all that it depends on. Tables, statistics and reports read nothing else."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from finemri.landing import landing_file
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
    """Every row of a tidy CSV. Raises Refusal for a file that is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
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
    table = ([r.subject, r.method, r.degradation, r.scale, r.measure, repr(r.value), str(r.contract)] for r in rows)
    write_table(path, [COLUMNS, *table])


def write_table(path: Path, table: Iterable[Iterable[object]]) -> None:
    """Write a CSV, whole or not at all."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(table)
    write_text(path, text.getvalue())


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with landing_file(path) as stream:
        stream.write(text.encode())
