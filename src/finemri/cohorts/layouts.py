"""How folders of scans are laid out, and who is in them.

Names tell everything: of the files only cohort.json is read, and of others the four letters that say DICM.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.described import DESCRIPTION, read_description
from finemri.refusal import Refusal

NIFTI = (".nii.gz", ".nii")
PICTURES = (".png", ".jpg", ".jpeg")
KSPACE = (".h5", ".hdf5", ".npy", ".npz", ".mat", ".cfl")
LABEL_FOLDER = re.compile(r"label(s|tr|_?maps?|s_.*)?$", re.IGNORECASE)
LABEL_FILE = re.compile(r"[_-](dseg|aseg|seg|segmentation|labels?|label_?map)$", re.IGNORECASE)
NO_IMAGE = re.compile(r"_(mask|defacemask|desc-[^_]*_mask)$", re.IGNORECASE)
PERSON = re.compile(r"(?:^|_)(sub-[A-Za-z0-9]+)")
NO_PERSON = re.compile(
    r"(^|[_-])(t1w?|t2w?|pdw?|flair|swi|angio|mprage|mp2rage|unit1"
    r"|(ses|session|visit|run)[-_]?\d+|(ses|run|acq|rec)-[a-z0-9]+)$",
    re.IGNORECASE,
)
"""What a name says after the person: contrast, visit, run."""
PICTURE_NUMBER = re.compile(r"(^|[ _.-])\d+$")
"""A slice of a stack of pictures, after the name of the person."""
CHANNEL = re.compile(r"_\d{4}$")
"""nnU-Net's number of the contrast, after the name of the case."""


def find_cohort(path: Path, *, labels: bool = False) -> Cohort:
    """Who is in a folder, whatever its layout; a single scan or a ``cohort.json`` will do as well.

    Known are: ``cohort.json`` ({"subjects": [{"name": …, "images": […], "labels": […]}]}, paths relative to it; with
    "pairs": [{"coarse": …, "fine": …, "matches": […]}] where ``finemri pair`` wrote it); BIDS
    (sub-*/[ses-*/]anat); Medical Decathlon (imagesTr, labelsTr) and its like (images, labels); a folder of NIfTI files;
    a folder with one subfolder of NIfTI files or DICOM slices for each person. People behind DICOM folders are counted:
    subject-001 and so on. Where there is none of these: files of k-space (HDF5, NumPy, MATLAB, BART), one a person or
    in one subfolder a person; and stacks of pictures (PNG, JPEG), one subfolder a person or named person_0001.png.
    ``labels``: the files are label maps, as they are in a folder called labels or label_maps.

    Raises Refusal where nothing is found, where the layout is unknown, and where a person or file stands twice.
    """
    path = Path(path)
    if not path.exists():
        raise Refusal(f"There is no folder {path}; check the name.")
    read = _one_file if path.is_file() else next((read for claims, read in LAYOUTS if claims(path)), _nobody)
    subjects = [subject for subject in read(path) if subject.files]
    if not subjects:
        raise Refusal(
            f"No scan was found in {path}: expected NIfTI, DICOM folders, BIDS, Decathlon, k-space, stacks of pictures "
            f"or {DESCRIPTION}."
        )
    if labels or (path.is_dir() and LABEL_FOLDER.match(path.name)):
        subjects = [Subject(s.name, (), s.images + s.labels, s.pairs) for s in subjects]
    return Cohort(tuple(sorted(subjects, key=lambda subject: subject.name)))


def _nobody(_: Path) -> list[Subject]:
    return []


def _one_file(path: Path) -> list[Subject]:
    if path.suffix == ".json":
        return read_description(path)
    if path.name.lower().endswith((*NIFTI, *KSPACE, *PICTURES)):
        return [_subject(_person(path), [path])]
    return [Subject("subject-001", (path,))] if _says_dicom(path) else []


def _bids(path: Path) -> list[Subject]:
    """sub-*/[ses-*/]anat; people without a structural scan are left out."""
    subjects = []
    for folder in _folders(path, "sub-*"):
        files = [*_scans(folder / "anat"), *(f for visit in _folders(folder, "ses-*") for f in _scans(visit / "anat"))]
        if files:
            subjects.append(_subject(folder.name, files))
    return subjects


def _is_bids(path: Path) -> bool:
    return any((folder / "anat").is_dir() or _folders(folder, "ses-*") for folder in _folders(path, "sub-*"))


def _paired(path: Path) -> list[Subject]:
    """Images in one folder, label maps under the same names in another."""
    images, labels = next((path / i, path / k) for i, k in PAIRED if (path / i).is_dir())
    maps = _by_person(_scans(labels))
    people: dict[str, list[Path]] = {}
    for name, files in _by_person(_scans(images)).items():
        case = CHANNEL.sub("", name)
        people.setdefault(case if case in maps and name not in maps else name, []).extend(files)
    return [Subject(name, tuple(people.get(name, ())), tuple(maps.get(name, ()))) for name in {**people, **maps}]


def _flat(path: Path) -> list[Subject]:
    """NIfTI files side by side; a name like sub-01_ses-2_T1w belongs to sub-01."""
    return [_subject(name, files) for name, files in _by_person(_scans(path)).items()]


def _folder_each(path: Path) -> list[Subject]:
    """One subfolder a person, with NIfTI files or DICOM slices anywhere below."""
    if _scans(path) or _is_slices(path):
        raise Refusal(f"{path} mixes scans and folders of scans; say who is who in a {DESCRIPTION}.")
    subjects = []
    for number, folder in enumerate(_folders(path), start=1):
        inside = [folder, *sorted(f for f in folder.rglob("*") if f.is_dir() and not _hidden(f))]
        slices = [f for f in inside if _is_slices(f)]
        files = [file for f in inside for file in _scans(f)]
        if slices or files:
            found = _subject(f"subject-{number:03d}" if slices else folder.name, files)
            subjects.append(Subject(found.name, (*found.images, *slices), found.labels))
    return subjects


def _kspace(path: Path) -> list[Subject]:
    """Files of k-space side by side, or in one subfolder a person."""
    here, folders = _files(path, KSPACE), _folders(path)
    if here and any(_files_below(folder, KSPACE) for folder in folders):
        raise Refusal(f"{path} mixes files and folders of k-space; say who is who in a {DESCRIPTION}.")
    people = _by_person(here) or {folder.name: _files_below(folder, KSPACE) for folder in folders}
    return [Subject(name, tuple(files)) for name, files in people.items()]


def _stacks(path: Path) -> list[Subject]:
    """Pictures named person_0001.png, or one subfolder a person; slices in the order of their numbers."""
    here, folders = _files(path, PICTURES), _folders(path)
    if here and any(_files_below(folder, PICTURES) for folder in folders):
        raise Refusal(f"{path} mixes pictures and folders of them; say who is who in a {DESCRIPTION}.")
    people: dict[str, list[Path]] = {folder.name: _files_below(folder, PICTURES) for folder in folders if not here}
    for file in here:
        people.setdefault(PICTURE_NUMBER.sub("", file.stem) or path.resolve().name, []).append(file)
    return [Subject(name, tuple(sorted(files, key=_by_number))) for name, files in people.items()]


def _by_number(file: Path) -> tuple[list[tuple[int, str]], str]:
    """2 before 10."""
    parts = re.split(r"(\d+)", file.as_posix())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], file.as_posix()


def _one_dicom(path: Path) -> list[Subject]:
    return [Subject("subject-001", (path,))]


def _subject(name: str, files: Iterable[Path]) -> Subject:
    """Tell label maps by their names; masks are neither label maps nor images."""
    files = [file for file in files if not NO_IMAGE.search(_stem(file))]
    labels = tuple(file for file in files if LABEL_FILE.search(_stem(file)))
    return Subject(name, tuple(file for file in files if file not in labels), labels)


def _by_person(files: Iterable[Path]) -> dict[str, list[Path]]:
    people: dict[str, list[Path]] = {}
    for file in files:
        people.setdefault(_person(file), []).append(file)
    return people


def _person(file: Path) -> str:
    """Whose scan this is: the BIDS entity, or what is left of the name without contrast, visit and the like."""
    entity = PERSON.search(_stem(file))
    if entity:
        return entity[1]
    name = LABEL_FILE.sub("", _stem(file))
    while NO_PERSON.search(name):
        name = NO_PERSON.sub("", name)
    return name or file.resolve().parent.name


def _stem(file: Path) -> str:
    return next((file.name[: -len(end)] for end in NIFTI if file.name.lower().endswith(end)), file.stem)


def _scans(folder: Path) -> list[Path]:
    """NIfTI files of a folder, without what macOS leaves behind (._name)."""
    return _files(folder, NIFTI)


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [f for f in files if f.name.lower().endswith(endings) and not _hidden(f) and f.is_file()]


def _files_below(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The same of a folder and all that it holds."""
    inside = [folder, *sorted(f for f in folder.rglob("*") if f.is_dir() and not _hidden(f))]
    return [file for f in inside for file in _files(f, endings)]


def _folders(path: Path, pattern: str = "*") -> list[Path]:
    return sorted(f for f in path.glob(pattern) if f.is_dir() and not _hidden(f))


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _is_slices(folder: Path) -> bool:
    """Does one of the first files say DICM? Slices often have no suffix."""
    files = (f for f in sorted(folder.iterdir()) if f.is_file() and not _hidden(f) and f.name.upper() != "DICOMDIR")
    return any(_says_dicom(file) for file, _ in zip(files, range(5), strict=False))


def _says_dicom(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


PAIRED = (("imagesTr", "labelsTr"), ("images", "labels"))
LAYOUTS: tuple[tuple[Callable[[Path], bool], Callable[[Path], list[Subject]]], ...] = (
    (lambda path: (path / DESCRIPTION).is_file(), read_description),
    (_is_bids, _bids),
    (lambda path: any((path / images).is_dir() for images, _ in PAIRED), _paired),
    (lambda path: bool(_scans(path)) and not _holds_scans(path), _flat),
    (lambda path: _is_slices(path) and not _holds_scans(path), _one_dicom),
    (lambda path: _holds_scans(path), _folder_each),
    (lambda path: bool(_files_below(path, KSPACE)), _kspace),
    (lambda path: bool(_files_below(path, PICTURES)), _stacks),
)
"""Is it yours? Then read it. The first that claims a folder reads it."""


def _holds_scans(path: Path) -> bool:
    """Are there scans in the folders below?"""
    below = (f for f in path.rglob("*") if f.is_dir() and not _hidden(f))
    return any(_scans(f) or _is_slices(f) for f in below)
