"""The site's pages are all in its menu, and their links lead to pages of it. (`make docs` builds it.)"""

from __future__ import annotations

import re
import runpy
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
BUILD: dict[str, Any] = runpy.run_path(str(REPOSITORY / "docs" / "site" / "build.py"))
KNOWN: dict[str, str] = BUILD["addresses"]()
PAGES = [page for page in KNOWN if page.endswith(".md") and page != "README.md"]


def listed(text: str) -> list[str]:
    """What a page's menus name."""
    found = []
    for menu in re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        lines = [line for line in menu.splitlines() if line and not line.startswith(":")]
        found += [re.sub(r".*<(.*)>", r"\1", line).lstrip("/") for line in lines]
    return found


def test_every_page_is_in_one_menu():
    below = []
    for page in PAGES:
        below += listed((REPOSITORY / page).read_text(encoding="utf-8") + BUILD["menu"](page, KNOWN))
    pages = {KNOWN[page].removesuffix(".md") for page in PAGES} - {"index"}
    assert sorted(name for name in below if name != "gallery/index") == sorted(pages)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_pages_of_the_site(page):
    text = BUILD["on_the_site"]((REPOSITORY / page).read_text(encoding="utf-8"), page, KNOWN)
    folder = PurePosixPath("/", KNOWN[page]).parent
    there = {Path("/", address) for address in KNOWN.values()}
    for target in re.findall(r"\]\((?!\w+:|#)([^)\s#]+)(?:#[^)]*)?\)", text):
        assert Path(f"{folder}/{target}").resolve() in there, target


def test_links_become_what_they_are_on_the_site():
    text = (
        "[a](../glossary.md#x), ![b](../demo.png), [c](../../examples/plot_chips.py), [d](../tables.py), `tcdcn_init.a`"
    )
    assert BUILD["on_the_site"](text, "docs/guides/own.md", KNOWN) == (
        "[a](../glossary.md#x), ![b](../demo.png), [c](../gallery/plot_chips.rst), d, {py:obj}`tcdcn_init.a`"
    )


def test_names_in_backticks_are_of_something_that_is_there(monkeypatch):
    pytest.importorskip("sphinx", reason="Sphinx is not installed (extra docs)")
    monkeypatch.syspath_prepend(REPOSITORY / "docs" / "site")
    references = runpy.run_path(str(REPOSITORY / "docs" / "site" / "references.py"))
    names, ending = references["names"](), references["_ending"]
    for there in ("geometry.FIVE_POINTS", "Initialization.confidence", "quantising", "tcdcn_init.detectors"):
        assert ending(there, names)
    assert not ending("architecture.TCDCNConfig", names)
    assert "redetect_every" in references["parameters"]("tcdcn_init.tracking.tracker")
    assert "redetect_every" not in references["parameters"]("tcdcn_init.images")
