"""The pages in a real browser: an approver reads a plan and clicks, another site tries to, and nothing is cut off."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from winddown.domain.plan import Plan
from winddown.stages.deployment import Deployment
from winddown.stages.papers.certificate import certificate_paper
from winddown.stages.papers.language import Language
from winddown.stages.papers.page import html
from winddown.web.app import create_app

from .chromium import Browser, open_browser
from .small_case import APPROVER, CASE, PLAN, SCRIPT
from .small_certificate import POSITION

pytestmark = pytest.mark.servers
PAGES = ("", f"cases/{CASE}", f"plans/{PLAN}", "plans/nothing")
# A scroll bar of the page itself, or text that its box hides, is what a narrow screen must not have.
CUT_OFF = """
const cut = [...document.querySelectorAll('main *')].filter(e =>
  e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
  && !['visible', 'auto', 'scroll'].includes(getComputedStyle(e).overflowX));
return [document.documentElement.scrollWidth, innerWidth, cut.length];
"""


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def site(deployment: Deployment, plan: Plan) -> Iterator[str]:
    """The app under its prefix, as Airflow mounts it; the session is the approver's."""
    assert plan.id == PLAN
    host = FastAPI()

    @host.get("/airflow", response_class=HTMLResponse)
    def frame() -> str:
        """As Airflow's UI shows the pages."""
        allowed = "allow-scripts allow-same-origin allow-forms allow-downloads"
        return f'<iframe id="page" sandbox="{allowed}" src="/winddown/plans/{PLAN}" width="1000" height="700"></iframe>'

    host.mount("/winddown", create_app(lambda: deployment, lambda: APPROVER))
    server = uvicorn.Server(uvicorn.Config(host, port=0, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/winddown/"
    server.should_exit = True
    thread.join()


@pytest.fixture
def wait_for(browser: Browser) -> Callable[[str], None]:
    """Wait until a script says true."""

    def wait(script: str) -> None:
        deadline = time.monotonic() + 20
        while not browser.run(f"return {script}"):
            assert time.monotonic() < deadline, script
            time.sleep(0.05)

    return wait


def test_an_approver_clicks(
    browser: Browser, site: str, deployment: Deployment, plan: Plan, wait_for: Callable[[str], None]
) -> None:
    browser.open(f"{site}cases/{CASE}")
    browser.click(".go")
    wait_for("document.title.includes('after-claims')")
    assert browser.text("#digest") == plan.digest
    browser.click("form[action$='/approve'] button")
    wait_for("document.querySelector('form[action$=\"/approve\"]') === null")
    assert browser.url == f"{site}plans/{PLAN}"
    assert [(row["person"], row["plan_digest"]) for row in deployment.control.approvals(PLAN)] == [
        (APPROVER, plan.digest)
    ]
    assert "you have approved it already" in browser.text("#approve")


def test_somebody_presses_the_kill_switch(
    browser: Browser, site: str, deployment: Deployment, wait_for: Callable[[str], None]
) -> None:
    browser.open(f"{site}cases/{CASE}")
    browser.run("document.querySelector('section.halt input').value = 'wrong customers'")
    browser.click("section.halt button")
    wait_for("document.querySelector('section.alarm') !== null")
    assert "wrong customers" in browser.text("section.alarm")
    halted = deployment.switch.state(CASE)
    assert halted is not None
    assert halted.by == APPROVER
    browser.run("document.querySelector('section.alarm input').value = 'they were right'")
    browser.click("section.alarm button")
    wait_for("document.querySelector('section.halt') !== null")
    assert deployment.switch.state(CASE) is None


def test_an_approver_clicks_inside_airflows_frame(
    browser: Browser, site: str, deployment: Deployment, wait_for: Callable[[str], None]
) -> None:
    browser.open(site.replace("/winddown/", "/airflow"))
    inside = "document.getElementById('page').contentDocument"
    button = f"{inside}.querySelector('form[action$=\"/approve\"] button')"
    wait_for(f"{button} !== null")
    browser.run(f"{button}.click()")
    wait_for(f"{inside}.readyState === 'complete' && {button} === null")
    assert len(deployment.control.approvals(PLAN)) == 1


@contextmanager
def other_site(page: str) -> Iterator[str]:
    """Serve one page from another host name, as a stranger's site."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_args: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_another_sites_form_approves_nothing(
    browser: Browser, site: str, deployment: Deployment, plan: Plan, wait_for: Callable[[str], None]
) -> None:
    form = (
        f'<form method="post" action="{site}plans/{PLAN}/approve">'
        f'<input name="plan_digest" value="{plan.digest}"><button>win</button></form>'
    )
    with other_site(form) as url:
        browser.open(url)
        browser.click("button")
        wait_for("document.body.innerText.includes('HTTP 403')")
    assert deployment.control.approvals(PLAN) == []


def test_another_sites_frame_stays_empty(browser: Browser, site: str, wait_for: Callable[[str], None]) -> None:
    with other_site(f'<iframe id="page" src="{site}plans/{PLAN}"></iframe>') as url:
        browser.open(url)
        wait_for("document.readyState === 'complete'")
        browser.enter("#page")
        wait_for("location.href.startsWith('chrome-error:')")
        assert "Approve" not in browser.run("return document.documentElement.innerText")


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_cut_off(browser: Browser, site: str, width: int, page: str) -> None:
    browser.resize(width)
    browser.open(site + page)
    browser.run("document.querySelectorAll('details').forEach(found => found.open = true)")
    scroll_width, inner_width, cut = browser.run(CUT_OFF)
    assert inner_width == width
    assert scroll_width <= width
    assert cut == 0


def test_the_steps_of_a_wave_stand_in_one_row(browser: Browser, site: str) -> None:
    browser.resize(1280)
    browser.open(f"{site}cases/{CASE}")
    rows = browser.run("""
      return [...document.querySelectorAll('ol.course')].map(list => {
        const items = [...list.children];
        return [items.length, new Set(items.map(item => item.offsetTop)).size,
                items.filter(item => item.scrollWidth > item.clientWidth).length];
      });""")
    assert max(items for items, _, _ in rows) >= 11  # with the step that makes anonymous, and the border
    assert [(lines, cut) for _, lines, cut in rows] == [(1, 0)] * len(rows)


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_of_a_certificate_is_cut_off(
    browser: Browser, tmp_path: Path, document: dict[str, Any], width: int
) -> None:
    path = tmp_path / "certificate.html"
    path.write_bytes(html(certificate_paper(document, POSITION, Language.EN)))
    browser.resize(width)
    browser.open(path.as_uri())
    scroll_width, _, cut = browser.run(CUT_OFF)
    assert (scroll_width <= width, cut) == (True, 0)


@pytest.mark.parametrize("page", PAGES)
def test_the_style_is_applied_and_follows_the_dark_mode(browser: Browser, site: str, page: str) -> None:
    colours = {}
    for mode in ("light", "dark"):
        browser.devtools("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": mode}]})
        browser.open(site + page)
        read = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
        colours[mode] = [_brightness(found) for found in browser.run(read)]
    paper, ink = colours["light"]
    assert paper > 200
    assert ink < 60
    paper, ink = colours["dark"]
    assert paper < 60
    assert ink > 200


@pytest.mark.parametrize("plan", [True], indirect=True)
@pytest.mark.parametrize("page", PAGES[:3])
def test_markup_in_names_runs_nothing(browser: Browser, site: str, page: str) -> None:
    browser.open(site + page)
    assert SCRIPT in browser.run("return document.body.innerText")
    assert browser.run("return document.querySelectorAll('script').length") == 0


def test_a_certificate_shows_with_its_style(browser: Browser, site: str, deployment: Deployment) -> None:
    text = "<!doctype html><style>p { color: rgb(1, 2, 3) }</style><p>x</p><script>document.title = 'ran'</script>"
    (deployment.folder(CASE, "evidence") / "certificate-x.html").write_text(text)
    browser.open(f"{site}cases/{CASE}/evidence/certificate-x.html")
    shown = browser.devtools(
        "Runtime.evaluate", {"expression": "getComputedStyle(document.querySelector('p')).color", "returnByValue": True}
    )
    assert shown["result"]["value"] == "rgb(1, 2, 3)"
    title = browser.devtools("Runtime.evaluate", {"expression": "document.title", "returnByValue": True})
    assert title["result"]["value"] != "ran"


def _brightness(colour: str) -> float:
    """From 0 to 255, of ``rgb(r, g, b)``."""
    parts = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(parts) / 3


def test_screenshots_can_be_taken(browser: Browser, site: str, tmp_path: Path) -> None:
    path = tmp_path / "case.png"
    browser.open(f"{site}cases/{CASE}")
    browser.screenshot(path)
    assert path.read_bytes().startswith(b"\x89PNG")
