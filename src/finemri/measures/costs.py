"""What an image cost: cost.csv, one row a subject and method. Times differ from run to run, so no measure is one."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from finemri.measures.tidy import write_table
from finemri.refusal import Refusal


@dataclass(frozen=True)
class Cost:
    """Of making one subject's image by one method, in the process that made it."""

    subject: str
    method: str
    seconds: float
    """Wall time of the method alone: no reading, no judging."""
    peak_bytes: int | None
    """Most resident memory of the process meanwhile; None where the system does not tell."""
    device: str


def read_costs(path: Path) -> list[Cost]:
    """Every row of a cost.csv; none where there is no file. Raises Refusal for a file that is another."""
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if next(reader, None) != [field.name for field in fields(Cost)]:
                raise ValueError
            return [Cost(s, m, float(seconds), int(peak) if peak else None, d) for s, m, seconds, peak, d in reader]
    except ValueError as error:
        raise Refusal(f"{path} is not a table that finemri evaluate wrote; choose another folder.") from error


def write_costs(path: Path, costs: Iterable[Cost]) -> None:
    """Write all costs, whole or not at all."""
    write_table(path, [[field.name for field in fields(Cost)], *map(astuple, costs)])
