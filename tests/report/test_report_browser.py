"""The pages in a real browser: everything is drawn, and nothing is complained about."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made_up_runs import large, made_up, stormy
from test_report_page import HOSTILE, hostile

from mmbot.report import analyse, compare, compare_page, page

NAMES = ("chromium", "chromium-browser", "google-chrome")
ACT = """<script>
function act() {
  if (document.documentElement.dataset.ready !== "yes") { setTimeout(act, 20); return; }
  const canvas = document.querySelector("#market canvas") || document.querySelector("#equity canvas");
  const box = canvas.getBoundingClientRect();
  const at = (kind, x, more) => canvas.dispatchEvent(new PointerEvent(kind,
    { clientX: box.left + x, clientY: box.top + 150, button: 0, bubbles: true, ...more }));
  canvas.setPointerCapture = () => {};
  at("pointermove", 300); at("pointerdown", 300); at("pointermove", 420); at("pointerup", 420);
  canvas.dispatchEvent(new WheelEvent("wheel", { ctrlKey: true, deltaY: -120, bubbles: true, cancelable: true }));
  at("pointerdown", 300, { shiftKey: true }); at("pointermove", 200); at("pointerup", 200);
  document.querySelectorAll("button").forEach((b) => b.click());
  document.querySelectorAll("select").forEach((s) => [s.options.length - 1, 0].forEach((i) => {
    s.selectedIndex = i;
    s.dispatchEvent(new Event("change"));
  }));
  const scroll = document.querySelector(".grid-scroll");
  if (scroll) scroll.scrollTop = scroll.scrollHeight / 2;
  setTimeout(() => { document.documentElement.dataset.acted = "yes"; }, 300);
}
act();
</script></body>"""

# How far the page reaches to the right, and the smallest writing in its drawings.
MEASURE = """<script>
function measure() {
  const root = document.documentElement;
  if (root.dataset.ready !== "yes") { setTimeout(measure, 20); return; }
  root.dataset.beyond = root.scrollWidth - root.clientWidth;
  const sizes = [...document.querySelectorAll("svg text")].map((t) => t.getBoundingClientRect().height);
  root.dataset.small = Math.round(Math.min(...sizes));
  root.dataset.acted = "yes";
}
measure();
</script></body>"""


@pytest.fixture(scope="module")
def browser() -> str:
    """Chromium; required in CI, else a reasoned skip."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium; on Debian: apt-get install chromium")
        pytest.skip("no Chromium; on Debian: apt-get install chromium")
    return found


def shown(browser: str, text: str, folder: Path, act: str = ACT, width: int = 1280) -> str:
    """The page's DOM once its scripts have run and everything was clicked; fails on any message in the console."""
    (folder / "page.html").write_text(text.replace("</body>", act), encoding="utf-8")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", f"--window-size={width},2400",
        "--virtual-time-budget=8000", "--dump-dom", f"file://{folder / 'page.html'}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not complaints, "\n".join(complaints)
    assert 'data-ready="yes"' in done.stdout[:400]
    assert 'data-acted="yes"' in done.stdout[:400]
    return done.stdout


def test_a_run_of_trouble_is_drawn(browser: str, tmp_path: Path) -> None:
    run, _ = stormy(3)
    dom = shown(browser, page(run, analyse(run)), tmp_path)
    assert dom.count("<canvas") == 3
    assert dom.count("<svg") == 2
    assert dom.count('class="grid-row"') >= 1
    assert "Adverse selection" in dom


def test_a_hundred_thousand_fills_open(browser: str, tmp_path: Path) -> None:
    run = large(100_000)
    dom = shown(browser, page(run, analyse(run)), tmp_path)
    drawn = dom.count('class="grid-row"')
    assert 10 < drawn < 80
    assert re.search(r"[\d,]+ fills", dom)


def test_a_run_without_anything_is_drawn(browser: str, tmp_path: Path) -> None:
    run = made_up()
    assert "No fills." in shown(browser, page(run, analyse(run)), tmp_path)


def test_on_a_telephone_nothing_sticks_out_and_drawings_can_be_read(browser: str, tmp_path: Path) -> None:
    """Mark-outs once went beyond the right edge, and the writing in drawings shrank with them."""
    run, _ = stormy(3)
    dom = shown(browser, page(run, analyse(run)), tmp_path, MEASURE, 420)
    assert 'data-beyond="0"' in dom[:400]
    assert int(re.search(r'data-small="(\d+)"', dom)[1]) >= 12


def test_hostile_names_are_only_names(browser: str, tmp_path: Path) -> None:
    run = hostile()
    dom = shown(browser, page(run, analyse(run)), tmp_path)
    assert "<img" not in dom
    assert HOSTILE.split("<")[0] in dom


def test_a_comparison_is_drawn(browser: str, tmp_path: Path) -> None:
    runs = [stormy(1)[0], stormy(2)[0]]
    dom = shown(browser, compare_page(runs, compare(runs, [analyse(r) for r in runs])), tmp_path)
    assert dom.count("<canvas") == 1
    assert dom.count('class="grid-row"') >= 1
