"""The ledger: the rows so far and what they were made with, so that a run that was stopped goes on, and no two mix."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finemri.measures.costs import Cost, read_costs, write_costs
from finemri.measures.tidy import Row, append_rows, finish_rows, read_rows, write_rows, write_text
from finemri.refusal import Refusal


class Ledger:
    """``folder/measures.csv`` beside ``cost.csv`` and ``settings.json``, which holds digests of scans and weights too.

    Raises Refusal where the folder's rows were made with other ``settings``, unless ``force`` starts afresh.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
        self.path, self.about, self.bill = (folder / n for n in ("measures.csv", "settings.json", "cost.csv"))
        self.rows: list[Row] = []
        self.costs: dict[tuple[str, str], Cost] = {}
        self.settings: dict[str, Any] = {**settings, "methods": {}, "subjects": {}}
        if self.path.exists() and not force:
            finish_rows(self.path)
            self.rows, self.settings = read_rows(self.path), self._read()
            self.costs = {(cost.subject, cost.method): cost for cost in read_costs(self.bill)}
        others = any(self.settings.get(key) != value for key, value in settings.items())
        if others and self.rows:
            raise Refusal(f"{folder} holds results of other settings; choose another folder, or replace them by force.")
        if others or force or not self.path.exists():
            self.settings, self.costs = {**settings, "methods": {}, "subjects": {}}, {}
            write_text(self.about, self._text())  # first, so that no row ever stands without its settings
            self.bill.unlink(missing_ok=True)
            write_rows(self.path, [])
        self.done = {(row.subject, row.method) for row in self.rows}

    def __contains__(self, trial: tuple[str, str]) -> bool:
        """Whether (subject, method) has its rows."""
        return trial in self.done

    def agree(self, kind: str, name: str, digest: str) -> None:
        """Remember the digest of one of the "methods" or "subjects". Raises Refusal where it was another before."""
        known = self.settings.setdefault(kind, {}).get(name)
        if known not in (None, digest):
            raise Refusal(
                f"{name} has changed since its rows were written; choose another folder, or replace them by force."
            )
        if known is None:
            self.settings[kind][name] = digest
            write_text(self.about, self._text())

    def put(self, key: str, what: object) -> None:
        """Remember something plain about the whole folder."""
        if self.settings.get(key) != what:
            self.settings[key] = what
            write_text(self.about, self._text())

    def describe(self, method: str, header: Mapping[str, Any], parameters: int = 0) -> None:
        """Remember what a method's weights say of themselves, by which a report tells seeds from systems, and how many
        numbers its network learnt."""
        self.tell("headers", method, dict(header))
        self.tell("parameters", method, parameters)

    def tell(self, kind: str, name: str, what: object) -> None:
        """Remember something plain about a method or subject in ``settings[kind][name]``, unless it is empty."""
        if what and self.settings.setdefault(kind, {}).get(name) != what:
            self.settings[kind][name] = what
            write_text(self.about, self._text())

    def add(self, rows: Sequence[Row], cost: Cost | None = None) -> None:
        """All rows of one subject and one method, and what it cost: on the disk when this returns."""
        if cost is not None:
            self.costs[cost.subject, cost.method] = cost
            write_costs(self.bill, self.costs.values())
        append_rows(self.path, rows)
        self.rows.extend(rows)
        self.done.update((row.subject, row.method) for row in rows)

    def arrange(self, subjects: Sequence[str]) -> None:
        """Rows and costs in the order of the subjects, whoever was done first, so that no file tells who did it."""
        order = {subject: n for n, subject in enumerate(subjects)}
        rows = sorted(self.rows, key=lambda row: order.get(row.subject, -1))
        if rows != self.rows:
            write_rows(self.path, rows)
            self.rows = rows
        costs = sorted(self.costs.values(), key=lambda cost: order.get(cost.subject, -1))
        if costs != list(self.costs.values()):
            write_costs(self.bill, costs)
            self.costs = {(cost.subject, cost.method): cost for cost in costs}

    def _text(self) -> str:
        return json.dumps(self.settings, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def _read(self) -> dict[str, Any]:
        try:
            settings = json.loads(self.about.read_text(encoding="utf-8"))
            if not (isinstance(settings["methods"], dict) and isinstance(settings["subjects"], dict)):
                raise TypeError
        except (OSError, ValueError, TypeError, KeyError):
            raise Refusal(
                f"{self.about} does not tell how the rows beside it were made; choose another folder."
            ) from None
        return dict(settings)
