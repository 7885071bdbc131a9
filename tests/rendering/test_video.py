import sys

import jax
import numpy as np
import pytest

from eqenvs.rendering import (
    frames,
    rasterize,
    save_contact_sheet,
    save_gif,
    save_mp4,
    tile,
)

from .scenes import Cart, cart_states


STATES = cart_states(70)
LANES = jax.tree.map(lambda x: x.reshape(14, 5), STATES)


def expected(i, size=(24, 40)):
    return np.asarray(
        rasterize(Cart().draw(jax.tree.map(lambda x: x[i], STATES)), size)
    ).astype(int)


def test_frames_are_the_pictures_of_the_states():
    pictures = list(frames(Cart(), STATES, size=(24, 40)))
    assert len(pictures) == 70
    for i in (0, 63, 64, 69):
        np.testing.assert_allclose(pictures[i].astype(int), expected(i), atol=1)


def test_lanes_are_tiles():
    picture = next(frames(Cart(), LANES, size=(24, 40), most_lanes=3, gap=2))
    assert picture.shape == (50, 82, 3)
    np.testing.assert_allclose(picture[:24, 42:].astype(int), expected(1), atol=1)
    np.testing.assert_allclose(picture[26:, :40].astype(int), expected(2), atol=1)
    assert tile(np.zeros((1, 3, 4, 3), np.uint8)).shape == (3, 4, 3)


def test_a_gif_has_every_frame(tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "cart.gif"
    save_gif(Cart(), STATES, path, size=(24, 40), frames_per_second=20)
    with image.open(path) as gif:
        assert (gif.n_frames, gif.size) == (70, (40, 24))
        assert gif.info["duration"] == 50
        gif.seek(33)
        shown = np.asarray(gif.convert("RGB")).astype(int)
    assert np.abs(shown - expected(33)).mean() < 2
    assert "cart.gif" in capsys.readouterr().err
    save_gif(Cart(), STATES, path, size=8, progress=False)
    assert capsys.readouterr().err == ""


def test_an_mp4_has_every_frame(tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "cart.mp4"
    save_mp4(Cart(), STATES, path, size=(25, 41), frames_per_second=10, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["cart.mp4"]
    number, seconds = ffmpeg.count_frames_and_secs(str(path))
    assert (number, round(seconds, 1)) == (70, 7.0)


@pytest.mark.parametrize("lanes, shape", [(1, (52, 128)), (3, (80, 172))])
def test_a_contact_sheet_shows_moments(tmp_path, lanes, shape):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "sheet.png"
    states = STATES if lanes == 1 else LANES
    save_contact_sheet(
        Cart(), states, path, size=(24, 40), num_pictures=4, most_lanes=lanes
    )
    with image.open(path) as sheet:
        pixels = np.asarray(sheet).astype(int)
    if lanes == 1:
        assert pixels.shape[0] in (52, 108)
    else:
        assert pixels.shape == (*shape, 3)
    np.testing.assert_allclose(pixels[:24, :40], expected(0), atol=1)


@pytest.mark.parametrize(
    "save, name, module",
    [
        (save_gif, "a.gif", "PIL.Image"),
        (save_mp4, "a.mp4", "imageio_ffmpeg"),
        (save_contact_sheet, "a.png", "PIL.Image"),
    ],
)
def test_what_is_missing_is_named(tmp_path, monkeypatch, save, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "eqenvs\[render\]"'):
        save(Cart(), STATES, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("save, name", [(save_gif, "a.gif"), (save_mp4, "a.mp4")])
def test_an_interrupted_file_is_no_file(tmp_path, monkeypatch, save, name):
    from eqenvs.rendering import video

    path = tmp_path / name
    path.write_text("before")
    whole = video._tiled

    def interrupted(*args):
        for i, picture in enumerate(whole(*args)):
            if i == 5:
                raise KeyboardInterrupt
            yield picture

    monkeypatch.setattr(video, "_tiled", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(Cart(), STATES, path, size=16, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert path.read_text() == "before"


@pytest.mark.parametrize(
    "save, settings, message",
    [
        (save_gif, dict(frames_per_second=60), "at most 50"),
        (save_mp4, dict(frames_per_second=0), "positive"),
        (save_gif, dict(size=0), "size must be positive"),
        (save_contact_sheet, dict(num_pictures=0), "num_pictures must be at least 1"),
        (save_gif, dict(name="x.MP4"), "cannot end in .mp4, which `save_mp4` writes"),
        (save_mp4, dict(name="x.gif"), "cannot end in .gif, which `save_gif` writes"),
    ],
)
def test_mistakes_are_named(tmp_path, save, settings, message, unchecked):
    del unchecked
    with pytest.raises(ValueError, match=message):
        save(Cart(), STATES, tmp_path / settings.pop("name", "x"), **settings)
    assert not list(tmp_path.iterdir())


class NeverDrawn:
    def draw(self, state):
        raise AssertionError("it was drawn")


@pytest.mark.parametrize("save", [save_gif, save_mp4, save_contact_sheet])
def test_a_path_is_checked_before_anything_is_drawn(tmp_path, save):
    def refuse(error, match, name):
        with pytest.raises(error, match=match):
            save(NeverDrawn(), STATES, tmp_path / name)

    refuse(ValueError, r"cannot end in \.html, which .* got '.*x\.html'", "x.html")
    refuse(FileNotFoundError, r"existing folder; got '.*missing.x'", "missing/x")
    refuse(IsADirectoryError, "must be a file; got .* a folder", ".")
    if save is save_mp4:
        with pytest.raises(ValueError, match="size must be positive"):
            save(NeverDrawn(), STATES, tmp_path / "x", size=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("save", [save_gif, save_mp4, save_contact_sheet])
def test_what_is_no_path_is_named(tmp_path, save, unchecked):
    """For example with the arguments in the order of other libraries."""
    del unchecked
    for wrong, got in ((STATES, "got a "), (None, "got None"), (b"x", "got b'x'")):
        with pytest.raises(TypeError, match=f"path must be a string .*; {got}"):
            save(str(tmp_path / "x"), NeverDrawn(), wrong)
