"""Pictures: the slice and the patch that are shown, and the PNG's own bytes."""

import base64
import io
import zlib
from pathlib import Path

import numpy as np
import pytest

from finemri.refusal import Refusal
from finemri.report.pictures import png_of, read_scan, strip_of, zoom_of
from tests.report.made import folder, page_of, rows, with_images


def test_pictures_show_the_slice_and_the_patch_with_the_greatest_error(tmp_path: Path) -> None:
    images = with_images(folder(tmp_path, rows()))
    strip = strip_of(images, "anna-1", "other", "spline", upright=False)
    assert strip is not None
    assert (strip.slice, strip.slices, list(strip.pictures)) == (2, 3, ["truth", "spline", "other", "error"])
    assert strip.aspect == pytest.approx(30 / 40)
    left, top, width, height = strip.frame
    assert (width, height) == pytest.approx((12 / 30, 12 / 40)), "a third of 30, but at least 12 pixels"
    assert left >= 16 / 30
    assert top >= 26 / 40
    assert list(strip.zooms) == list(strip.pictures)
    page = page_of(tmp_path)
    assert page.tags["img"] == 2 * 3 * (4 + 3), "worst, median, best of other and of spline, which is not shown twice"
    assert all(page.values("alt"))
    (images / "anna-1_other.npy").write_bytes(b"nothing")
    with pytest.raises(Refusal, match="no array of images"):
        strip_of(images, "anna-1", "other", "spline", upright=False)
    assert read_scan(images / "..", "images/anna-1", "truth", upright=False) is None, "no name leads to another folder"


def test_the_zoom_by_trying_every_square() -> None:
    errors = np.random.default_rng(1).random((37, 50))
    rows_, columns = zoom_of(errors)
    assert (rows_.stop - rows_.start, columns.stop - columns.start) == (12, 12)
    sums = {(i, j): (errors[i : i + 12, j : j + 12] ** 2).sum() for i in range(26) for j in range(39)}
    assert (rows_.start, columns.start) == max(sums, key=lambda place: sums[place])
    assert zoom_of(np.ones((5, 90))) == (slice(0, 5), slice(0, 5)), "a slice that is smaller than a patch"


def test_a_png_by_its_own_bytes() -> None:
    grey = np.arange(15, dtype=np.uint8).reshape(3, 5)
    data = png_of(grey)
    image = pytest.importorskip("PIL.Image")
    assert (np.asarray(image.open(io.BytesIO(data))) == grey).all()
    assert zlib.decompress(data[data.index(b"IDAT") + 4 : -16])[:6] == b"\x00\x00\x01\x02\x03\x04"
    assert base64.b64encode(data).startswith(b"iVBOR")
