"""The demo's picture: it is drawn whole, for slices of any size and brightness."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image as reader

from finemri.demo.picture import Slice, _bounds, _busiest, draw


def head(rows: int, columns: int, brightness: float = 100.0) -> Slice:
    """An ellipse with a detailed corner, on black."""
    row, column = np.mgrid[:rows, :columns]
    inside = ((row - rows / 2) / (0.4 * rows)) ** 2 + ((column - columns / 2) / (0.4 * columns)) ** 2 < 1
    texture = 1 + 0.3 * np.sin(row * 2.1) * np.sin(column * 1.7) * (row > rows / 2)
    image: Slice = (brightness * inside * texture).astype(np.float32)
    return image


@pytest.mark.parametrize(("rows", "columns", "brightness"), [(61, 40, 1.0), (40, 61, 4000.0)])
def test_the_picture_shows_every_image_and_its_error(
    rows: int, columns: int, brightness: float, tmp_path: Path
) -> None:
    truth = head(rows, columns, brightness)
    images = {"truth": truth, "coarse": truth * 0.5, "spline": truth * 0.9}
    draw(images, {"spline": "30 dB"}, "a head", tmp_path / "a.png")
    picture = reader.imread(tmp_path / "a.png")[..., :3]
    third = picture.shape[1] // 3
    assert all(picture[:, n * third : (n + 1) * third].std() > 0.1 for n in range(3))
    bottom = picture[int(0.8 * picture.shape[0]) :]
    coloured = np.ptp(bottom, axis=-1) > 0.2
    assert coloured[:, third:].mean() > 0.05, "errors stand in colour under coarse and spline"


def test_images_without_any_error_or_contrast_are_drawn_all_the_same(tmp_path: Path) -> None:
    flat = np.zeros((20, 20), dtype=np.float32)
    draw({"truth": flat, "coarse": flat, "spline": flat}, {"spline": ""}, "nothing", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_the_part_enlarged_is_where_the_detail_is() -> None:
    rows, columns = _busiest(head(90, 90), side=20)
    assert rows.stop - rows.start == columns.stop - columns.start == 20
    assert rows.start > 35


def test_empty_background_is_cut_off() -> None:
    image = np.zeros((50, 60), dtype=np.float32)
    image[20:30, 25:40] = 1
    assert _bounds(image, rim=6) == (slice(14, 36), slice(19, 46))
