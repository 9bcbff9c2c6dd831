"""Files that appear whole or not at all."""

from __future__ import annotations

import pytest

from tcdcn_init._shared.files import replacing


def test_a_file_appears_when_it_is_whole(tmp_path):
    target = tmp_path / "new" / "file.bin"
    with replacing(target) as part:
        part.write_bytes(b"first")
        assert not target.exists()
    assert target.read_bytes() == b"first"
    with replacing(target) as part:
        part.write_bytes(b"second")
        assert target.read_bytes() == b"first"
    assert target.read_bytes() == b"second"
    assert [path.name for path in target.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_what_fails_leaves_the_file_of_before_and_nothing_else(tmp_path, failure):
    target = tmp_path / "file.bin"
    target.write_bytes(b"before")
    with pytest.raises(failure), replacing(target) as part:
        part.write_bytes(b"half")
        raise failure
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_written_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file.bin"):
        pass
