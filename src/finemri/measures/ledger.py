"""The ledger: the rows so far and what they were made with, so that a run that was stopped goes on, and no two mix."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finemri.measures.tidy import Row, read_rows, write_rows, write_text
from finemri.refusal import Refusal


class Ledger:
    """``folder/measures.csv`` beside ``folder/settings.json``, which holds the digests of scans and weights too.

    Raises Refusal where the folder's rows were made with other ``settings``, unless ``force`` starts afresh.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
        self.path, self.about = folder / "measures.csv", folder / "settings.json"
        self.rows: list[Row] = []
        self.settings: dict[str, Any] = {**settings, "methods": {}, "subjects": {}}
        if self.path.exists() and not force:
            self.rows, self.settings = read_rows(self.path), self._read()
        others = any(self.settings.get(key) != value for key, value in settings.items())
        if others and self.rows:
            raise Refusal(f"{folder} holds results of other settings; choose another folder, or replace them by force.")
        if others or force or not self.path.exists():
            self.settings = {**settings, "methods": {}, "subjects": {}}
            write_text(self.about, self._text())  # first, so that no row ever stands without its settings
            write_rows(self.path, [])
        self.done = {(row.subject, row.method) for row in self.rows}

    def __contains__(self, trial: tuple[str, str]) -> bool:
        """Whether (subject, method) has its rows."""
        return trial in self.done

    def agree(self, kind: str, name: str, digest: str) -> None:
        """Remember the digest of one of the "methods" or "subjects". Raises Refusal where it was another before."""
        if self.settings[kind].setdefault(name, digest) != digest:
            raise Refusal(
                f"{name} has changed since its rows were written; choose another folder, or replace them by force."
            )
        write_text(self.about, self._text())

    def describe(self, method: str, header: Mapping[str, Any]) -> None:
        """Remember what a method's weights say of themselves: by that a report tells seeds from systems."""
        if header:
            self.settings.setdefault("headers", {})[method] = dict(header)
            write_text(self.about, self._text())

    def add(self, rows: Sequence[Row]) -> None:
        """All rows of one subject and one method: on the disk when this returns."""
        write_rows(self.path, [*self.rows, *rows])
        self.rows.extend(rows)
        self.done.update((row.subject, row.method) for row in rows)

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
