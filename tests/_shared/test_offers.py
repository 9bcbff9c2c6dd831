"""Names of entry points, and of what has none: module:attribute."""

from __future__ import annotations

import sys

import pytest

from builders import install
from tcdcn_init._shared.offers import load_offer, offered

GROUP = "tcdcn_init.anything"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder of packages, with one that offers two things."""
    (tmp_path / "offering.py").write_text("ONE = 1\n\nclass Inner:\n    two = 2\n")
    install(tmp_path, "a-package", GROUP, {"one": "offering:ONE", "two": "offering:Inner.two"})
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("offering", None)


def test_what_installed_packages_offer(installed):
    assert offered(GROUP) == ["one", "two"]
    assert load_offer("thing", GROUP, "one") == (1, "offering:ONE (a-package)")
    assert load_offer("thing", GROUP, "two").thing == 2
    assert load_offer("thing", GROUP, "offering:Inner.two") == (2, "offering:Inner.two")


def test_modules_of_the_working_folder_come_last(installed, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("here")
    (folder / "offering.py").write_text("ONE = 'another'\n")
    (folder / "only_here.py").write_text("THREE = 3\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert load_offer("thing", GROUP, "only_here:THREE").thing == 3
    assert load_offer("thing", GROUP, "offering:ONE").thing == 1
    del sys.modules["only_here"]


def test_two_packages_with_one_name_are_named(installed):
    install(installed, "other-package", GROUP, {"one": "other:thing"})
    with pytest.raises(ValueError, match=r"'one' is offered more than once: .*other:thing \(other-package\)"):
        load_offer("thing", GROUP, "one")


def test_what_cannot_be_imported_is_named(installed):
    install(installed, "broken-package", GROUP, {"broken": "no_such_module:Thing", "gone": "offering:Gone"})
    with pytest.raises(ImportError, match=r"'broken' cannot be imported from no_such_module:Thing \(broken-package\)"):
        load_offer("thing", GROUP, "broken")
    with pytest.raises(ImportError, match="Gone"):
        load_offer("thing", GROUP, "gone")
    with pytest.raises(ImportError, match="'offering:Gone' cannot be imported from offering:Gone"):
        load_offer("thing", GROUP, "offering:Gone")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("on", "unknown thing 'on'; did you mean one?"),
        ("offering:", "'offering:' names nothing in a module; expected module:attribute"),
        (":one", "expected module:attribute"),
        ("a:b:c", "expected module:attribute"),
    ],
)
def test_other_names_are_refused(installed, name, message):
    with pytest.raises(ValueError) as caught:
        load_offer("thing", GROUP, name)
    assert message in str(caught.value)
