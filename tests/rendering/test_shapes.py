import numpy as np
import pytest

from .record_shapes import FOLDER, pictures


def test_pictures_are_as_they_were():
    image = pytest.importorskip("PIL.Image")
    drawn = pictures()
    assert {path.name for path in FOLDER.iterdir()} == set(drawn)
    for name, picture in drawn.items():
        with image.open(FOLDER / name) as image_file:
            before = np.asarray(image_file.convert("RGB")).astype(int)
        assert picture.shape == before.shape
        difference = np.abs(picture.astype(int) - before)
        assert difference.max() <= 3, (name, difference.max())
