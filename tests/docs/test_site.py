"""The site builds without a warning, and works in a browser with no other host."""

import functools
import hashlib
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

import pytest

import eqenvs


ROOT = pathlib.Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.site


SOURCES = ("docs", "eqenvs", "examples", "benchmarks/results", "*.md", "*.yml", "*.cff")


@pytest.fixture(scope="module")
def site():
    """The built site: links and anchors are checked on the way.

    It is built once for the same sources, so `make test-site` and `make test-browser`
    share it.
    """
    pytest.importorskip("mkdocs")
    checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    folder = pathlib.Path(tempfile.gettempdir()) / f"eqenvs-site-{checkout}-{digest()}"
    if folder.exists():
        return folder
    for outdated in folder.parent.glob(f"eqenvs-site-{checkout}-*"):
        shutil.rmtree(outdated, ignore_errors=True)
    built = pathlib.Path(tempfile.mkdtemp(prefix=f"eqenvs-site-{checkout}-"))
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", built],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return built.rename(folder)


def digest():
    """A digest of everything that the site is made from."""
    found = hashlib.sha256()
    paths = {path for pattern in SOURCES for path in ROOT.glob(pattern)}
    files = {file for path in paths for file in (path, *path.rglob("*"))}
    for file in sorted(files):
        if file.is_file() and file.suffix != ".pyc":
            found.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return found.hexdigest()[:16]


def test_every_environment_has_a_page(site):
    gallery = (site / "environments" / "index.html").read_text()
    for id in eqenvs.registered():
        page = (site / "environments" / id / "index.html").read_text()
        assert "<h1 id=" in page and id in page
        assert f'href="../environments/{id}/"' in gallery


def test_nothing_is_fetched_from_another_host(site):
    fetched = re.compile(
        r"<(?:script|img|iframe)[^>]+src=[\"']?(https?:)?//"
        r"|<link[^>]+rel=[\"']?(?:stylesheet|preconnect|icon)[^>]+href=[\"']?https?://"
    )
    for page in site.rglob("*.html"):
        assert fetched.search(page.read_text()) is None, page


def test_a_page_for_language_models(site):
    text = (site / "llms.txt").read_text()
    assert "/environments/CartPole-v1/): CartPole-v1: Balance a pole" in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[:2] == ["Tutorials", "Walk-throughs"]
    assert text.index("First steps") < text.index("Many environments at once")
    assert "class Drift(" in (site / "llms-full.txt").read_text()


def test_the_reference_has_no_boilerplate(site):
    for page in (site / "api").rglob("*.html"):
        text = page.read_text()
        assert "Alias for field number" not in text
        assert "Built-in immutable sequence" not in text


@pytest.fixture(scope="module")
def address(site):
    handler = functools.partial(_Silent, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(
    params=[(1280, "light"), (390, "dark")], ids=["desktop, light", "phone, dark"]
)
def visit(request, chromium, address):
    """Opens a page, and fails on errors in the console and on requests elsewhere."""
    problems = []
    width, scheme = request.param
    page = chromium.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    page.set_default_timeout(120_000)  # a machine may be busy
    page.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type in ("error", "warning")
            else None
        ),
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda sent: (
            None
            if sent.url.startswith((address, "data:"))
            else problems.append(sent.url)
        ),
    )

    def go(path):
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        widest = page.evaluate("document.documentElement.scrollWidth")
        assert widest <= width, f"{path} is {widest} pixels wide"
        colors = page.evaluate("document.body.dataset.mdColorScheme")
        assert colors == {"light": "default", "dark": "slate"}[scheme]
        return page

    yield go
    page.close()
    assert problems == []


@pytest.mark.browser
@pytest.mark.parametrize(
    "path",
    [
        "",
        "tutorials/own_environment/",
        "tutorials/memory/",
        "moving/gymnax/",
        "performance/",
        "environments/CartPole-v1/",
        "environments/Breakout-MinAtar/",
        "environments/FrozenLake-misc/",
        "api/core/",
    ],
)
def test_a_page_opens(visit, path):
    page = visit(path)
    assert page.locator("h1").first.is_visible()
    broken = page.evaluate(
        """[...document.images].filter(
            (image) => image.loading !== "lazy" && !image.naturalWidth
        ).length"""
    )
    assert broken == 0


def pixels_of(page):
    """The pictures of the wall, as one string each."""
    return page.evaluate(
        "[...document.querySelectorAll('#wall canvas')].map((c) => c.toDataURL())"
    )


@pytest.mark.browser
def test_the_wall_moves_until_it_is_paused(visit):
    page = visit("")
    page.locator("#wall canvas").first.wait_for()
    start = pixels_of(page)
    assert len(start) == len({eqenvs.spec(id).factory for id in eqenvs.registered()})
    page.wait_for_function(
        """(start) => {
            const now = [...document.querySelectorAll("#wall canvas")];
            return now.some((canvas, i) => canvas.toDataURL() !== start[i]);
        }""",
        arg=start,
    )
    page.locator("#wall-pause").click()
    page.wait_for_timeout(100)
    paused = pixels_of(page)
    page.wait_for_timeout(300)
    assert pixels_of(page) == paused


@pytest.mark.browser
def test_the_wall_stands_still_for_those_who_ask_for_it(visit):
    page = visit("")
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    page.wait_for_load_state("networkidle")
    assert page.locator("#wall img").count() > 0
    assert page.locator("#wall canvas").count() == 0
    assert not page.locator("#wall-pause").is_visible()


@pytest.mark.browser
def test_the_viewer_plays_on_its_page(visit):
    page = visit("environments/Pendulum-v1/")
    page.locator("iframe.viewer").scroll_into_view_if_needed()
    viewer = page.frame_locator("iframe.viewer")
    viewer.locator("canvas").first.wait_for()
    assert viewer.locator("canvas").count() == 3
    viewer.locator("#play").click()
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect(viewer.locator("#scrub")).not_to_have_value("0", timeout=60_000)


@pytest.mark.browser
def test_the_gallery_filters(visit):
    page = visit("environments/")
    visible = page.locator("#gallery .card:visible")
    assert visible.count() == len(eqenvs.registered())
    page.select_option("select[name=family]", "MinAtar")
    assert visible.count() == 5
    page.fill("input[name=search]", "submarine")
    assert visible.count() == 1
    assert "Seaquest-MinAtar" in visible.inner_text()
    assert page.locator("#gallery-count").inner_text() == "1 environment"
    page.fill("input[name=search]", "no such thing")
    assert visible.count() == 0
    assert page.locator("#gallery-empty").is_visible()
    page = visit("environments/?action=continuous")
    names = page.locator("#gallery .card:visible strong").all_inner_texts()
    assert "Pendulum-v1" in names and "CartPole-v1" not in names


@pytest.mark.browser
def test_the_search_finds(visit):
    page = visit("")
    if page.viewport_size["width"] < 960:
        page.locator("label.md-header__button[for=__search]").click()
    else:
        page.locator("input.md-search__input").click()
    page.get_by_text("Type to start searching").wait_for()
    page.locator("input.md-search__input").press_sequentially("VectorEnvironment")
    results = page.locator(".md-search-result__link")
    results.first.wait_for()
    assert any("VectorEnvironment" in text for text in results.all_inner_texts())


def test_the_search_index_is_part_of_the_site(site):
    index = json.loads((site / "search" / "search_index.json").read_text())
    places = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {f"environments/{id}/" for id in eqenvs.registered()} <= places
