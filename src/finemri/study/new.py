"""``finemri study new``: images and a question become a study."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from finemri.provenance import digest
from finemri.refusal import Refusal
from finemri.study.design import Design
from finemri.study.images import TRUTH, Files, Showing, pictures_of, upright
from finemri.study.organise import Study, make
from finemri.study.question import Question
from finemri.volumes.files import open_volume


def new(
    folder: Path,
    files: Files,
    question: Question,
    *,
    showing: Showing | None = None,
    methods: Sequence[str] = (),
    subjects: Sequence[str] = (),
    anchor: str | None = TRUTH,
    training: int = 1,
    repeats: float = 0.1,
    catches: float = 0.05,
    seed: int = 0,
    title: str = "Reader study",
    database: str | None = None,
    force: bool = False,
) -> Study:
    """Make the study ``folder`` of images that ``find_images`` found.

    ``methods``, ``subjects``: those alone. ``anchor``: the truth among the methods; left out where there is none.
    ``training``: so many people are kept for training trials and never count. Raises Refusal for what makes no study.
    """
    showing = showing or Showing()
    files = _chosen(files, methods, subjects)
    known = list(next(iter(files.values())))
    people = sorted({_person(subject) for subject in files})
    if not 0 <= training < len(people):
        raise Refusal(f"Of {len(people)} people {training} can't be kept for training; at least one has to count.")
    people.sort(key=lambda person: hashlib.sha256(f"{seed} {person}".encode()).digest())
    learners = set(people[:training])
    cases: dict[bool, list[str]] = {True: [], False: []}
    for subject, paths in files.items():
        shape = upright(open_volume(paths[known[0]]))[0].shape
        cases[_person(subject) in learners] += showing.cases(subject, shape)
    design = Design(
        question,
        tuple(sorted(cases[False])),
        tuple(known),
        anchor if anchor in known else None,
        tuple(sorted(cases[True])),
        repeats,
        catches,
        seed,
        title=title,
    )
    pictures = dict(pictures_of(files, design, showing))
    sources = {method: digest([files[subject][method] for subject in sorted(files)]) for method in known}
    return make(folder, design, showing.view, pictures, database=database, sources=sources, force=force)


def _chosen(files: Files, methods: Sequence[str], subjects: Sequence[str]) -> Files:
    """What was asked for. Raises Refusal for names that are not there."""
    known = list(next(iter(files.values())))
    for what, asked, there in (("method", methods, known), ("subject", subjects, list(files))):
        if strangers := [name for name in asked if name not in there]:
            raise Refusal(f"There is no {what} {strangers[0]} among the images; there are {', '.join(there)}.")
    return {
        subject: {method: images[method] for method in (methods or known)}
        for subject, images in files.items()
        if not subjects or subject in subjects
    }


def _person(subject: str) -> str:
    """A person's second scan is called person#2."""
    return subject.partition("#")[0]
