"""How results land on the disk: whole or not at all, and never on top of something by accident."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from io import BufferedRandom, BufferedWriter
from pathlib import Path

from finemri.refusal import Refusal

DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG, errno.ENAMETOOLONG}


def check_landing(path: Path, *, force: bool, bytes_needed: int = 0) -> None:
    """Raises Refusal where ``path`` cannot be written: no such folder, no right, no room, or something is there."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise Refusal(f"The folder {folder} does not exist; make it first, or choose another place for the result.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refusal(f"The folder {folder} may not be written to; choose another place for the result.")
    free = shutil.disk_usage(folder).free
    if bytes_needed > free:
        raise Refusal(
            f"The result needs {bytes_needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB left; "
            "free some, or choose another place."
        )
    if os.path.lexists(path) and not force and not is_empty_folder(path):
        raise Refusal(f"{path} exists already; choose another name, or pass --force to replace it.")


def is_empty_folder(path: Path) -> bool:
    """Whether a folder can be given up without losing anything."""
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


@contextmanager
def landing_file(path: Path) -> Iterator[BufferedWriter]:
    """A stream to a temporary file that becomes ``path`` when the block ends well, and vanishes otherwise."""
    if path.is_dir():
        raise Refusal(f"{path} is a folder, and the result is a file; choose another name.")
    temporary = beside(path)
    with disk_trouble_refused(path):
        try:
            with temporary.open("xb") as stream:
                yield stream
                make_sure(stream)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def landing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that becomes ``path`` when the block ends well, and vanishes otherwise."""
    temporary, old = beside(path), beside(path)
    with disk_trouble_refused(path):
        try:
            temporary.mkdir()
            yield temporary
            if os.path.lexists(path):  # a folder cannot be replaced in one step, so the old one steps aside
                path.rename(old)
            try:
                temporary.rename(path)
            except BaseException:
                if os.path.lexists(old):
                    old.rename(path)
                raise
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make the folder if it is not there, and be the only process that writes into it while the block lasts.

    Raises Refusal where another one is at it already. Nothing is left behind, not even by a process that is killed. A
    system or a network disk without locks grants everything.
    """
    with disk_trouble_refused(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refusal(f"The folder {folder} may not be written to; choose another place for the result.")
    if find_spec("fcntl") is None:  # Windows
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refusal(
                    f"Another finemri writes into {folder} at this moment; wait until it is done, or choose another "
                    "folder."
                ) from None
        yield
    finally:
        os.close(handle)


def make_sure(stream: BufferedWriter | BufferedRandom) -> None:
    """Wait until the bytes are on the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def beside(path: Path) -> Path:
    """A name that nobody else has, on the same disk."""
    return path.absolute().with_name(f".finemri-{secrets.token_hex(6)}.part")


@contextmanager
def disk_trouble_refused(path: Path) -> Iterator[None]:
    """A full or forbidden disk is the user's to mend, so it is a sentence and not a traceback."""
    try:
        yield
    except OSError as trouble:
        if trouble.errno not in DISK_TROUBLE:
            raise
        raise Refusal(f"{path} could not be written ({trouble.strerror}); choose another place.") from trouble
