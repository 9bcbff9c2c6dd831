"""The page of faces, in a real browser where one is installed."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tcdcn_init.review import FaceCrop, crop_face, write_review

EVIL = '</script><img src=x onerror="document.title=1"><!--&amp;"\'.jpg'
COUNT = 240

# Whether a face lies in the window, and below nothing else.
UNCOVERED = """li => {
    const { left, top, bottom } = li.getBoundingClientRect();
    return [top + 4, bottom - 4].every((y) => li.contains(document.elementFromPoint(left + 20, y)));
}"""


@pytest.fixture(scope="module")
def faces(portrait: np.ndarray) -> list[FaceCrop]:
    """Face k of image k: half of them confident, in no order."""
    five = np.array([(203, 100), (247, 103), (225, 126), (204, 140), (243, 142)])
    one = crop_face(portrait, "a.png", 0, five, (176, 56, 272, 176), confidence=0.5, visible=[1, 1, 0, 1, 1])
    order = np.random.default_rng(0).permutation(COUNT)
    many = [
        replace(one, image=f"in/{k:03}.jpg", confidence=round((int(order[k]) + 0.5) / COUNT, 4)) for k in range(COUNT)
    ]
    many[7] = replace(many[7], image=EVIL)
    return many


@pytest.fixture(scope="module")
def page_file(faces: list[FaceCrop], tmp_path_factory: pytest.TempPathFactory) -> Path:
    others = [("in/wall.jpg", "no face"), (EVIL, "cannot be used: it is damaged")]
    return write_review(tmp_path_factory.mktemp("review") / "review.html", faces, others, f"Faces of {EVIL}")


def test_nothing_of_a_run_can_break_out_of_its_place(page_file, faces):
    text = page_file.read_text(encoding="utf-8")
    assert text.count("</script>") == 2
    assert text.count("<img") == 0
    data = json.loads(re.search(r'id="data"[^>]*>(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert [face[0] for face in data["faces"]] == [face.image for face in faces]
    assert data["others"][1][0] == EVIL
    assert not re.search(r'(src|href)="?(https?:)?//', text)


def test_names_that_are_not_utf8_and_no_face_at_all_make_a_page(tmp_path):
    text = write_review(tmp_path / "new" / "r.html", [], [("caf\udce9.jpg", "no face")]).read_text(encoding="utf-8")
    assert r"caf\\xe9.jpg" in text


# --- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, and Chromium beside it")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium: install it, or name its program by CHROMIUM")
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["laptop", "phone"])
def page(request: pytest.FixtureRequest, browser: Any, page_file: Path) -> Iterator[Any]:
    """The page, opened; nothing in it fails, and nothing is asked for."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=width < 500)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else problems.append(asked.url))
    opened.goto(page_file.as_uri())
    opened.wait_for_selector("#faces li img")
    yield opened
    assert problems == []
    context.close()


def names(page: Any) -> list[str]:
    return page.eval_on_selector_all("#faces li", "all => all.map(li => li.title.replace(/, face.*/, ''))")


def chosen(page: Any, name: str, value: Any) -> None:
    page.eval_on_selector(
        f"#{name}", "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')) }", value
    )
    page.evaluate("() => new Promise(requestAnimationFrame)")


def test_a_person_finds_marks_and_lists_the_bad_faces(page, faces, tmp_path):
    by_confidence = [face.image for face in sorted(faces, key=lambda face: face.confidence or 0.0)]
    assert names(page) == by_confidence
    assert page.title() == f"Faces of {EVIL}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert 0 < page.locator("#faces img").count() < COUNT, "all faces are drawn at once"
    assert page.locator("#faces li").first.locator("path").nth(1).get_attribute("d").count("M") == 5

    chosen(page, "limit", 25)
    assert len(names(page)) == COUNT / 4
    chosen(page, "name", "IN/01")
    assert names(page) == [name for name in by_confidence[: COUNT // 4] if name.startswith("in/01")]
    chosen(page, "limit", 100)
    chosen(page, "name", "")
    chosen(page, "order", "name")
    assert names(page) == [face.image for face in faces]

    page.locator("#faces li").nth(7).click()  # the evil one
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # and off again
    assert "2 marked" in page.locator("#count").inner_text()
    page.reload()
    assert "2 marked" in page.locator("#count").inner_text(), "marks are lost with the page"
    page.locator("#only").check()
    assert page.locator("#faces li").count() == 2
    for name in ("csv", "txt"):
        with page.expect_download() as download:
            page.locator(f"#{name}").click()
        download.value.save_as(tmp_path / f"marked.{name}")
    rows = list(csv.DictReader((tmp_path / "marked.csv").open(encoding="utf-8", newline="")))
    assert [(row["image"], row["face"]) for row in rows] == [(EVIL, "0"), ("in/008.jpg", "0")]
    assert (tmp_path / "marked.txt").read_text(encoding="utf-8").splitlines() == [EVIL, "in/008.jpg"]


def test_the_keyboard_reaches_every_face_and_the_window_follows(page):
    page.locator("#faces li").first.focus()
    page.keyboard.press("End")
    page.wait_for_selector("#faces li:last-child img")
    last = page.locator("#faces li").last
    assert last.evaluate("li => li === document.activeElement")
    assert last.evaluate(UNCOVERED)
    assert page.locator("#faces li").first.locator("img").count() == 0, "what is far away keeps its picture"
    page.keyboard.press("Home")
    page.wait_for_selector("#faces li:first-child img")
    assert page.locator("#faces li").first.evaluate(UNCOVERED)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "name"
    page.locator("#others summary").click()
    assert EVIL in page.locator("#others li").nth(1).inner_text()
