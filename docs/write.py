"""Write the documentation's tables from the JSON files that commands left, so that none is copied by hand.

    python docs/write.py            # rewrites whole pages, and what stands between the marks of others
    python docs/write.py --check    # lists what is out of date, and changes nothing

A page of prose marks where a table goes by two comments, "table: NAME ARGUMENTS" and "end"; a docstring does so by two
comments of reStructuredText, ".. table: NAME ARGUMENTS" and ".. end". The names are those of the modules in
tables/. Pages that commands write as a whole are written again from their JSON.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import tables

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/*.md", "tcdcn_init/models/*.md", "eval/retrained/README.md", "tcdcn_init/*.py")
"""Where marks are looked for."""

_MARKED = re.compile(r"(<!-- table: (?P<what>[^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_MARKED_IN_CODE = re.compile(
    r"^(?P<indent> *)\.\. table: (?P<what>[^\n]+?)\n.*?^(?P=indent)\.\. end\n", re.DOTALL | re.MULTILINE
)


def filled(text: str) -> str:
    """A page, or code, with what stands between its marks made anew."""

    def table(match: re.Match[str]) -> str:
        name, *arguments = match["what"].split()
        body = tables.TABLES[name](*arguments).strip("\n")
        return f"{match[1]}\n{body}\n\n{match[3]}"

    def in_code(match: re.Match[str]) -> str:
        name, *arguments = match["what"].split()
        body = tables.TABLES[name](*arguments).strip("\n")
        lines = [f".. table: {match['what']}", "", *body.split("\n"), "", ".. end", ""]
        return "\n".join(f"{match['indent']}{line}" if line else line for line in lines)

    return _MARKED_IN_CODE.sub(in_code, _MARKED.sub(table, text))


def documents() -> dict[Path, str]:
    """Path -> what it should hold, of every page with a mark and of every page that is made as a whole."""
    found = {}
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            if _MARKED.search(text) or _MARKED_IN_CODE.search(text):
                found[path] = filled(text)
    return found | {ROOT / name: make() for name, make in tables.PAGES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    stale = {path: text for path, text in documents().items() if path.read_text(encoding="utf-8") != text}
    for path, text in stale.items():
        print(f"{'out of date' if check else 'wrote'}: {path.relative_to(ROOT)}")
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and stale:
        sys.exit("run `python docs/write.py`")


if __name__ == "__main__":
    main()
