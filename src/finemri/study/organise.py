"""A study as a folder: made once out of images, opened by every other command. For the organiser's eyes only.

study.json holds the design and says which image is whose; pictures/ holds what readers may see, under names that only
the key in the file ``secret`` explains.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from finemri import __version__
from finemri.landing import check_landing, landing_folder
from finemri.refusal import Refusal
from finemri.study.design import Design, Shown
from finemri.study.pictures import Picture

View = Literal["slice", "volume"]


@dataclass(frozen=True, eq=False)
class Study:
    """A folder that ``make`` made."""

    folder: Path
    design: Design
    view: View
    pictures: Mapping[str, Mapping[str, Any]]
    """Name of a picture -> shape and spacing."""
    secret: bytes
    database: str
    """Its URL, without a password."""

    def picture_name(self, shown: Shown) -> str:
        """The file of an image, which tells nothing without the secret."""
        return name_of(self.secret, shown)

    def picture(self, shown: Shown) -> bytes:
        """What is sent to a reader."""
        return (self.folder / "pictures" / f"{self.picture_name(shown)}.bin").read_bytes()

    def token(self, *words: object) -> str:
        """A name that nobody can make up who does not hold the secret."""
        return hmac.new(self.secret, "\0".join(map(str, words)).encode(), hashlib.sha256).hexdigest()


def name_of(secret: bytes, shown: Shown) -> str:
    """HMAC-SHA256 of case and method."""
    return hmac.new(secret, f"picture\0{shown.case}\0{shown.method}".encode(), hashlib.sha256).hexdigest()


def make(
    folder: Path,
    design: Design,
    view: View,
    pictures: Mapping[Shown, Picture],
    *,
    database: str | None = None,
    sources: Mapping[str, str] | None = None,
    force: bool = False,
) -> Study:
    """Write a study, whole or not at all; only its owner may read it. ``sources``: method -> SHA-256 of its images.

    Raises Refusal where pictures of a case differ in size, for a database with a password in its URL, and where a
    folder is there already: with ``force`` it is replaced, unless it holds ballots.
    """
    _check_alike(pictures)
    if database is not None and "@" in database and ":" in database.partition("://")[2].partition("@")[0]:
        raise Refusal("A password does not belong into a file; leave it out of the URL and set PGPASSWORD instead.")
    check_landing(folder, force=force)
    if (folder / "study.sqlite").exists() and _has_ballots(open_study(folder)):
        raise Refusal(f"{folder} holds ballots, and a study can't be changed once one is in; choose another folder.")
    secret = secrets.token_bytes(32)
    index = {}
    with landing_folder(folder) as making:
        making.chmod(0o700)
        (making / "pictures").mkdir()
        for shown, picture in pictures.items():
            name = name_of(secret, shown)
            (making / "pictures" / f"{name}.bin").write_bytes(picture.content)
            index[name] = {"shape": list(picture.grey.shape), "spacing": list(picture.spacing)}
        _write(making / "pictures.json", dict(sorted(index.items())))
        (making / "secret").touch(mode=0o600)
        (making / "secret").write_text(secret.hex())
        told = {"finemri": __version__, "design": asdict(design), "digest": design.digest, "view": view}
        _write(making / "study.json", {**told, "database": database, "sources": dict(sources or {})})
    return open_study(folder)


def open_study(folder: Path) -> Study:
    """Raises Refusal for what is no study, or was edited so that its design is another."""
    try:
        told = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        pictures = json.loads((folder / "pictures.json").read_text(encoding="utf-8"))
        secret = bytes.fromhex((folder / "secret").read_text())
        design, view, known = Design.of(told["design"]), told["view"], told["digest"]
        if view not in ("slice", "volume") or len(secret) != 32:
            raise ValueError
    except FileNotFoundError:
        raise Refusal(f"There is no study in {folder}; make one with finemri study new.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Refusal(f"{folder} is not a study as finemri wrote it; make it anew with finemri study new.") from None
    if design.digest != known:
        raise Refusal(f"The design in {folder}/study.json was edited; a study that is changed is a new one.")
    database = told.get("database") or f"sqlite:///{(folder / 'study.sqlite').absolute()}"
    return Study(folder, design, view, pictures, secret, database)


def _check_alike(pictures: Mapping[Shown, Picture]) -> None:
    sizes: dict[str, tuple[Any, str]] = {}
    for shown, picture in pictures.items():
        known, other = sizes.setdefault(shown.case, ((picture.grey.shape, picture.spacing), shown.method))
        if known != (picture.grey.shape, picture.spacing):
            raise Refusal(
                f"The images of one case by {other} and {shown.method} lie on different grids, which would tell them "
                "apart; lay them on one grid first."
            )


def _has_ballots(study: Study) -> bool:
    from finemri.study.ballots import Ballots

    box = Ballots(study.database, study.design.digest)
    try:
        return bool(box.history())
    finally:
        box.close()


def _write(path: Path, told: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
