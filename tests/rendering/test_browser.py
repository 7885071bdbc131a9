"""The viewer in a real browser, and whether the three ways to draw agree."""

import json
import shutil

import jax
import numpy as np
import pytest

from eqenvs.rendering import rasterize, to_svg, Viewer
from eqenvs.rendering.viewer._pack import plain_scene
from eqenvs.rendering.viewer._viewer import font_data, read_asset

from .scenes import Cart, cart_states, every_shape, shape_zoo
from .test_viewer import played


pytestmark = [pytest.mark.browser, pytest.mark.slow]

DESKTOP, PHONE = (1280, 800), (390, 844)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--force-color-profile=srgb",
]


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium (apt-get install chromium)")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="there is no playwright (pip install playwright)"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def size(request):
    return request.param


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens a viewer, and checks at the end that nothing went wrong in it."""
    problems, pages = [], []

    def open_page(viewer, size=DESKTOP, scheme="light", script=None):
        path = viewer.save(tmp_path / f"{len(pages)}.html")
        page = browser.new_page(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
        )
        pages.append(page)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("file://", "data:", "blob:"))
                or problems.append(request.url)
            ),
        )
        if script is not None:
            page.add_init_script(script)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert problems == []


def picture(page, selector=".picture canvas"):
    return page.locator(selector).first.evaluate("canvas => canvas.toDataURL()")


def frame(page):
    return int(page.evaluate("view.frame"))


def test_scrubbing_changes_the_picture(open_page, size):
    page = open_page(Viewer(Cart(), played(8)), size)
    before = picture(page)
    scrub = page.locator("#scrub")
    box = scrub.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert frame(page) == 4
    assert picture(page) != before
    assert page.locator("#clock").inner_text() == "4 / 8"


def test_a_click_enlarges_a_lane_and_escape_goes_back(open_page, size):
    page = open_page(Viewer(Cart(), played(8, lanes=6)), size)
    small = page.locator(".card canvas").first.bounding_box()
    assert page.locator(".card").count() == 6
    page.locator(".card").nth(2).click()
    assert page.locator(".card").count() == 0
    large = page.locator(".picture canvas").bounding_box()
    assert large["width"] > 1.5 * small["width"]
    assert "lane 2" in page.locator("#about").inner_text()
    page.keyboard.press("]")
    assert "lane 3" in page.locator("#about").inner_text()
    page.keyboard.press("Escape")
    assert page.locator(".card").count() == 6


def test_the_keyboard_plays(open_page):
    page = open_page(Viewer(Cart(), played(20)))
    for keys, expected in [
        (["ArrowRight"], 1),
        (["Shift+ArrowRight"], 11),
        (["ArrowLeft"], 10),
        (["End"], 20),
        (["Home"], 0),
        (["e"], 3),
        (["e", "e"], 6),
        (["Shift+E"], 5),
    ]:
        for key in keys:
            page.keyboard.press(key)
        assert frame(page) == expected, keys
    page.keyboard.press("ArrowUp")
    assert page.locator("#speed").input_value() == "2"
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function("view.frame > 0")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.keyboard.press("Space")
    stopped = frame(page)
    page.wait_for_timeout(150)
    assert frame(page) == stopped
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()


def test_playing_ends_or_repeats(open_page):
    page = open_page(Viewer(Cart(), cart_states(3), frames_per_second=100))
    page.keyboard.press("r")
    page.locator("#play").click()
    page.wait_for_function("!view.isPlaying && view.frame === 2")
    page.keyboard.press("r")
    page.locator("#play").click()
    page.wait_for_function("view.frame === 2")
    page.wait_for_function("view.frame < 2")


def test_numbers_are_shown_in_step(open_page, size):
    run = played(8, value=True)
    page = open_page(Viewer(Cart(), run), size)
    titles = page.locator(".charts figcaption > span").all_inner_texts()
    assert titles == ["reward", "return", "action", "value"]
    page.evaluate("setFrame(6)")
    reward, total, action, value = page.locator(".charts output").all_inner_texts()
    assert (reward, total) == ("1", "1")  # a new episode after the fifth step
    assert action == str(run.action[5])
    shown = float(value.replace("−", "-"))
    assert shown == pytest.approx(float(run.value[5]), rel=1e-3)
    before = picture(page, ".charts canvas")
    chart = page.locator(".charts canvas").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.click(box["x"] + 1, box["y"] + box["height"] / 2)
    assert frame(page) == 0
    assert picture(page, ".charts canvas") != before


def test_the_end_of_an_episode_is_shown(open_page):
    page = open_page(Viewer(Cart(), played(8)))
    badge = page.locator(".badge")
    for at, text in [(2, None), (3, "terminated · 3"), (5, "truncated · 2")]:
        page.evaluate(f"setFrame({at})")
        assert ("shown" in badge.get_attribute("class")) == (text is not None)
        if text:
            assert badge.inner_text() == text
    assert page.locator("#ends i").count() == 3
    rows = page.locator(".episodes tbody tr")
    assert rows.count() == 3
    rows.nth(1).click()
    assert frame(page) == 5


def test_parameters_of_each_lane(open_page):
    import equinox as eqx

    env = eqx.filter_vmap(Cart)(np.array([0.5, 1.25], np.float32))
    page = open_page(Viewer(env, played(4, lanes=2)))
    captions = page.locator(".card .caption span:first-child").all_inner_texts()
    assert captions == ["lane 0 · length 0.5", "lane 1 · length 1.25"]
    page.locator(".card").nth(1).click()
    assert "1.25 m" in page.locator(".panel tr.varies").inner_text()


def test_two_policies_stand_side_by_side(open_page, size):
    runs = {"random": played(8, lanes=2), "trained": played(5, lanes=2)}
    page = open_page(Viewer(Cart(), runs), size)
    assert page.locator("h2").all_inner_texts()[:2] == ["random", "trained"]
    page.locator(".card").first.click()
    one, other = (page.locator(".pictures canvas").nth(i) for i in range(2))
    assert one.bounding_box()["y"] == other.bounding_box()["y"]
    assert one.bounding_box()["x"] < other.bounding_box()["x"]
    page.evaluate("setFrame(8)")  # longer than the second one


def test_light_dark_and_large_text(open_page):
    viewer = Viewer(Cart(), played(8))
    page = open_page(viewer, scheme="dark")

    def color():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = color()
    page.locator("#theme").click()
    assert color() != dark
    height = page.locator("h1").bounding_box()["height"]
    page.locator("#large").click()
    assert page.locator("h1").bounding_box()["height"] > 1.2 * height


def test_nothing_is_wider_than_the_screen(open_page, size):
    runs = {"random": played(8, lanes=7), "trained": played(8, lanes=7)}
    for viewer in (Viewer(Cart(), runs), Viewer(Cart(), played(8))):
        page = open_page(viewer, size)
        for _ in range(2):
            width = page.evaluate("document.documentElement.scrollWidth")
            inner = page.evaluate("byId('main').scrollWidth - byId('main').clientWidth")
            assert width <= size[0] and inner <= 0
            page.keyboard.press("l")


def test_it_works_in_a_frame_of_a_notebook(browser):
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.set_content(Viewer(Cart(), played(8))._repr_html_())
    inside = page.frame_locator("iframe")
    inside.locator("html[data-ready]").wait_for()
    inside.locator("#next").click()
    assert inside.locator("#clock").inner_text() == "1 / 8"
    page.close()


def test_browsers_without_a_decompressor(open_page):
    rng = np.random.default_rng(0)
    from .scenes import CartState

    walk = rng.normal(size=(2, 400)).astype(np.float32)
    viewer = Viewer(Cart(), CartState(*map(jax.numpy.asarray, walk), np.arange(400)))
    modern = open_page(viewer)
    old = open_page(viewer, script="delete window.DecompressionStream")
    assert not old.evaluate("'DecompressionStream' in window")
    for at in (0, 123, 399):
        modern.evaluate(f"setFrame({at})")
        old.evaluate(f"setFrame({at})")
        assert picture(modern) == picture(old)


def test_the_canvas_shows_the_scene_of_each_frame(open_page):
    states = cart_states(4)
    page = open_page(Viewer(Cart(), states))
    for at in range(4):
        shown = page_pixels(page, f"groups[0].scene({at}, 0)", "data.font", (76, 208))
        scene = Cart().draw(jax.tree.map(lambda x: x[at], states))  # noqa: B023
        assert_alike(shown, rasterize(scene, (76, 208)))


def page_pixels(page, scene, font, size):
    height, width = size
    values = page.evaluate(
        f"""() => {{
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [{width}, {height}];
            const context = canvas.getContext("2d");
            drawScene(context, {scene}, {font}, {width}, {height});
            return Array.from(context.getImageData(0, 0, {width}, {height}).data);
        }}"""
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def assert_alike(one, other):
    """At most a few pixels on edges differ, and none of them completely."""
    difference = np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int))
    assert difference.mean() < 0.7, difference.mean()
    assert np.mean(difference.max(-1) > 48) < 0.004, difference.max()


@pytest.mark.parametrize("name", [*shape_zoo(), "every shape"])
def test_pixels_svg_and_canvas_agree(browser, name):
    image = pytest.importorskip("PIL.Image")
    import io

    scenes = {**shape_zoo(), "every shape": every_shape()}
    scene = scenes[name]
    size = (300, 500) if name == "every shape" else (90, 120)
    pixels = rasterize(scene, size)
    page = browser.new_page(viewport={"width": size[1], "height": size[0]})
    page.set_content(f"<style>body{{margin:0}}</style>{to_svg(scene, size[1])}")
    with image.open(io.BytesIO(page.screenshot())) as shot:
        assert_alike(np.asarray(shot.convert("RGB")), pixels)
    page.add_script_tag(content=read_asset("scene.js"))
    scene, font = json.dumps(plain_scene(scene)), json.dumps(font_data())
    assert_alike(page_pixels(page, scene, font, size), pixels)
    page.close()
