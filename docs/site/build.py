"""Build the documentation's site into build/docs: `make docs`, or

    python docs/site/build.py

Pages lie where a reader of the repository looks for them: in docs/, the cards beside the models, CHANGELOG.md. They are
gathered in build/docs-source under the addresses that they have on the site, their links changed to match, and Sphinx
makes the site, every warning an error. Examples run while it is built; one that has not changed is not run again.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
SOURCE, OUT = ROOT / "build" / "docs-source", ROOT / "build" / "docs"
MADE = ("gallery", "api")
"""Folders that Sphinx itself fills in SOURCE."""

ELSEWHERE = {
    "docs/site/*.md": "{name}",
    "docs/guides/README.md": "guides/index.md",
    "tcdcn_init/models/*.md": "models/{name}",
    "eval/retrained/README.md": "results/retrained.md",
    "benchmarks/README.md": "benchmarks.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Pages whose address on the site is not their path under docs/: pattern in the repository -> address."""

BELOW = {
    "guides/index": [f"guides/{name}" for name in ("boxes", "choosing", "own", "output", "video", "troubleshooting")],
    "guide": ["output", "scale", "labelling", "models/*", "glossary"],
    "results": [
        *("results/*", "dlib", "boxes/*", "limits/*", "confidence/*", "detection/*", "video/*", "experiments/*"),
        *("speed", "benchmarks", "reliability"),
    ],
    "changelog": ["contributing"],
}
"""What the menu shows below pages of prose."""

TITLES = {
    "results/aflw/report": "AFLW",
    "results/aflw-paper/report": "AFLW, the paper's network",
    "results/afw/report": "AFW",
    "results/afw68-dense/report": "AFW, 68 points",
    "results/300w-68/report": "300-W, 68 points",
}
"""How the menu names pages whose own titles are alike."""

_NAME = re.compile(r"(?<!`)`(tcdcn_init(?:\.\w+)+)`(?!`)")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def addresses() -> dict[str, str]:
    """Path in the repository -> address on the site, of all pages and pictures."""
    found = {}
    for path in sorted(ROOT.glob("docs/**/*")):
        if path.suffix in (".md", ".png"):
            name = path.relative_to(ROOT).as_posix()
            found[name] = name.removeprefix("docs/")
    for pattern, target in ELSEWHERE.items():
        for path in sorted(ROOT.glob(pattern)):
            found[path.relative_to(ROOT).as_posix()] = target.format(name=path.name)
    found |= {"README.md": "index.md", "examples": "gallery/index.rst", "docs/guides": "guides/index.md"}
    for path in sorted(ROOT.glob("examples/**/*.py")):
        name = path.relative_to(ROOT).as_posix()
        found[name] = f"gallery/{PurePosixPath(name.removeprefix('examples/')).with_suffix('.rst')}"
    return found


def on_the_site(text: str, page: str, known: dict[str, str]) -> str:
    """A page's text with its links as they are on the site; those to what is not there, such as JSON, become words.

    Names of the package in backticks lead to the reference.
    """

    def link(match: re.Match[str]) -> str:
        mark, words, target, anchor = match.groups(default="")
        address = known.get(os.path.normpath(PurePosixPath(page).parent / target))
        if address is None:
            return words
        return f"{mark}[{words}]({os.path.relpath(address, PurePosixPath(known[page]).parent)}{anchor})"

    return _NAME.sub(r"{py:obj}`\1`", _LINK.sub(link, text))


def menu(page: str, known: dict[str, str]) -> str:
    """What the menu shows below a page."""
    names = sorted(address.removesuffix(".md") for address in known.values() if address.endswith(".md"))
    patterns = BELOW.get(known[page].removesuffix(".md"), ())
    entries = {name: f"{TITLES[name]} </{name}>" if name in TITLES else f"/{name}" for name in names}
    below = [entries[name] for pattern in patterns for name in names if fnmatchcase(name, pattern)]
    return "\n".join(["", "```{toctree}", ":hidden:", "", *below, "```", ""]) if below else ""


def gather() -> None:
    """Fill SOURCE. Files that stay as they were keep their time, so that Sphinx reads only what changed."""
    known, wanted = addresses(), set()
    for page, address in known.items():
        target, original = SOURCE / address, ROOT / page
        if original.suffix == ".png" or (original.suffix == ".md" and page != "README.md"):
            content = original.read_bytes()
            if original.suffix == ".md":
                content = (on_the_site(content.decode(), page, known) + menu(page, known)).encode()
            wanted.add(target)
            if not target.is_file() or target.read_bytes() != content:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    for path in SOURCE.rglob("*"):
        if path.is_file() and path not in wanted and path.relative_to(SOURCE).parts[0] not in MADE:
            path.unlink()


def main() -> int:
    """Gather and build; `--clean` runs every example again."""
    from sphinx.cmd.build import build_main  # here, so that tests of the pages do without Sphinx

    gather()
    if "--clean" in sys.argv[1:]:
        for folder in (OUT, *(SOURCE / name for name in MADE)):
            shutil.rmtree(folder, ignore_errors=True)
    conf = str(Path(__file__).parent)
    return int(build_main(["-b", "html", "-W", "--keep-going", "-q", "-c", conf, str(SOURCE), str(OUT)]))


if __name__ == "__main__":
    sys.exit(main())
