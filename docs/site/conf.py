"""Sphinx's settings of the documentation's site; `build.py` beside this file builds it."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import warnings
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import tcdcn_init

sys.path.insert(0, str(Path(__file__).parent))  # Sphinx runs this file without its folder
from references import OTHERS, resolve

ROOT = Path(__file__).resolve().parents[2]

# The front door's names are loaded on first use; autodoc looks at what is there.
for _name in tcdcn_init.__all__:
    setattr(tcdcn_init, _name, getattr(tcdcn_init, _name))

project = "tcdcn-init"
author = "the tcdcn-init developers"
copyright = "the tcdcn-init developers, BSD-3-Clause"
version = release = installed("tcdcn-init")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = [str(Path(__file__).parent / "templates")]  # autosummary looks beside the pages otherwise
exclude_patterns = ["gallery/**/*.md", "api/backreferences"]
root_doc = "index"
nitpicky = True
nitpick_ignore_regex = OTHERS
suppress_warnings = ["config.cache"]  # settings that hold functions

myst_enable_extensions = ["colon_fence", "html_image"]
myst_heading_anchors = 3

# --- reference: one page a module, in the words of its docstrings
default_role = "py:obj"
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # numpydoc's sections say them
autodoc_member_order = "groupwise"
toc_object_entries_show_parents = "hide"
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

# --- gallery
NEEDS = {
    "plot_dlib_one_line": "dlib",
    "plot_face_aligner": "imutils",
    "plot_face_recognition": "face_recognition",
    "plot_deepface": "deepface",
    "plot_norm_crop": "insightface",
}
"""Examples that need a package which not everybody has: without it they are shown, not run."""

ORDER = (
    "plot_first_points",
    "plot_bad_boxes",
    "plot_confidence",
    "plot_folder",
    "plot_video",
    "plot_labelling",
    "plot_chips",
    "plot_dlib_one_line",
    "plot_own_regressor",
    "plot_own_start",
    "plot_own_points",
    "plot_points_compared",
)
"""How the gallery shows the examples; others come after these, by name."""

_absent = [name for name, package in NEEDS.items() if importlib.util.find_spec(package) is None]


class _Order:
    """A place for each example."""

    def __init__(self, folder: str) -> None: ...

    def __call__(self, name: str) -> tuple[int, str]:
        stem = name.removesuffix(".py")
        return (ORDER.index(stem) if stem in ORDER else len(ORDER)), stem


_not_run = "".join(f"(?!{name})" for name in _absent)
sphinx_gallery_conf: dict[str, Any] = {
    "examples_dirs": [str(ROOT / "examples")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": rf"{re.escape(os.sep)}{_not_run}plot_",
    "within_subsection_order": _Order,
    "thumbnail_size": (480, 336),
    "backreferences_dir": "api/backreferences",
    "doc_module": ("tcdcn_init",),
    "reference_url": {"tcdcn_init": None},
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "copyfile_regex": r"^$",
    "min_reported_time": 1e9,
    "plot_gallery": True,
    "abort_on_example_error": False,
    "image_srcset": ["2x"],
}

# Not the packages' own business with each other.
for _module in ("skimage", "face_recognition_models"):
    warnings.filterwarnings("ignore", category=FutureWarning, module=_module)
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

# --- site
html_theme = "pydata_sphinx_theme"
html_title = "tcdcn-init"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "tcdcn-init"},
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navbar_persistent": [],
    "navbar_end": ["search-button", "theme-switcher"],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "friendly",
}
html_sidebars: dict[str, list[str]] = {"index": [], "changelog": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", resolve)
