"""What may lie beside a job's measures.csv: small tables and cards, each absent where nobody made it."""

import csv
from collections.abc import Sequence
from pathlib import Path

from finemri.refusal import Refusal


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV, each by its columns; none where there is no file. Raises Refusal for other columns."""
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as trouble:
        raise not_ours(path) from trouble
    if tuple(reader.fieldnames or ()) != tuple(columns) or any(None in (*row, *row.values()) for row in rows):
        raise not_ours(path)
    return rows


def not_ours(path: Path) -> Refusal:
    """What to say of a file that finemri did not write as it stands."""
    return Refusal(f"{path} is not a table as finemri writes it; make it again, or take it away.")
