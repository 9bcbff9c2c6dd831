"""What a run is cut into, and how the images of each piece are read."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tcdcn_init.pointfile.rows import image_name
from tcdcn_init.scale.pieces import Files, RowGroups, Tar, cut, digest_of
from tcdcn_init.scale.tables import columns_of_images, tasks_of_table

OUT = Path("/nowhere")
CONTENT = {f"{k}.jpg": bytes([k]) * 3 for k in range(5)}


def write_tar(path: Path, members: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def write_table(path: Path, columns: Mapping[str, list[object]], group: int = 2) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), path, row_group_size=group)
    return path


def read(pieces):
    return {image_name(task.path): task.data for piece in pieces for task in piece.tasks()}


def test_files_are_cut_into_pieces_of_a_size_in_their_order(tmp_path):
    for name in CONTENT:
        (tmp_path / name).write_bytes(b"")
    pieces = cut([str(tmp_path)], 2, OUT, {"1.jpg": [(0, 0, 9, 9)]})
    assert [[Path(task.path).name for task in piece.tasks()] for piece in pieces] == [
        ["0.jpg", "1.jpg"],
        ["2.jpg", "3.jpg"],
        ["4.jpg"],
    ]
    first, second = pieces[0].tasks()
    assert second.boxes == [(0, 0, 9, 9)]
    assert "no row of the box file" in str(first.boxes)
    assert [task.path for task in pieces[1].tasks({str(tmp_path / "3.jpg")})] == [tmp_path / "3.jpg"]


def test_few_files_are_cut_into_small_pieces(tmp_path):
    for k in range(40):
        (tmp_path / f"{k:02d}.jpg").write_bytes(b"")
    assert [len(list(piece.tasks())) for piece in cut([str(tmp_path)], 1000, OUT)] == [16, 16, 8]


@pytest.mark.parametrize("name", ["faces.tar", "faces.tar.gz"])
def test_images_of_a_tar_are_named_by_it_and_other_members_are_left_alone(tmp_path, name):
    path = write_tar(tmp_path / name, {**CONTENT, "a/6.PNG": b"png", "0.json": b"{}", "._0.jpg": b"a Mac's"})
    [piece] = cut([str(tmp_path)], 2, OUT)
    assert isinstance(piece, Tar)
    expected = {f"{path}/{member}": content for member, content in CONTENT.items()} | {f"{path}/a/6.PNG": b"png"}
    assert read([piece]) == expected
    [only] = piece.tasks({f"{path}/3.jpg"})
    assert only.data == CONTENT["3.jpg"]


@pytest.mark.parametrize(
    "columns",
    [
        {"path": list(CONTENT), "bytes": list(CONTENT.values())},
        {"image": [{"bytes": content, "path": name} for name, content in CONTENT.items()], "label": [0] * 5},
        {"caption": ["a face"] * 5, "__key__": list(CONTENT), "jpg": list(CONTENT.values()), "json": [b"{}"] * 5},
    ],
    ids=["Ray", "Hugging Face", "several columns of bytes"],
)
def test_images_of_a_table_keep_their_names(tmp_path, columns):
    path = write_table(tmp_path / "faces.parquet", columns)
    pieces = cut([str(path)], 3, OUT)
    assert pieces == [RowGroups(path, 0, 2), RowGroups(path, 2, 3)]
    assert read(pieces) == CONTENT
    assert read(pieces[1:]) == {"4.jpg": CONTENT["4.jpg"]}


def test_images_of_a_table_without_names_are_called_by_their_rows(tmp_path):
    path = write_table(tmp_path / "faces.parquet", {"bytes": [b"a", None, b"c"]})
    assert read(cut([str(path)], 2, OUT)) == {f"{path}/0": b"a", f"{path}/1": b"", f"{path}/2": b"c"}


def test_names_that_are_addresses_stay_as_they_are():
    table = pyarrow.table({"url": ["https://example.org//a.jpg"], "bytes": [b"a"]})
    [task] = tasks_of_table(table, "faces.parquet")
    assert image_name(task.path) == "https://example.org//a.jpg"


def test_a_table_without_images_says_what_it_has():
    schema = pyarrow.schema([("id", pyarrow.int64()), ("a", pyarrow.binary()), ("b", pyarrow.binary())])
    with pytest.raises(ValueError, match=r"faces.parquet has columns id, a, b, of which a, b hold bytes; expected"):
        columns_of_images(schema, "faces.parquet")


def test_a_parquet_file_that_cannot_be_read_is_a_piece_that_tells_so(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    [piece] = cut([str(tmp_path)], 2, OUT)
    with pytest.raises(pyarrow.ArrowInvalid, match="magic bytes"):
        list(piece.tasks())


def test_the_output_is_no_source(tmp_path):
    (tmp_path / "0.jpg").write_bytes(b"")
    (tmp_path / "points").mkdir()
    (tmp_path / "points" / "part-000000.parquet").write_bytes(b"")
    [piece] = cut([str(tmp_path)], 2, tmp_path / "points")
    assert isinstance(piece, Files)


def test_boxes_are_for_files_of_their_own(tmp_path):
    path = write_tar(tmp_path / "faces.tar", CONTENT)
    with pytest.raises(ValueError, match=r"faces.tar holds many images, whose boxes"):
        cut([str(path)], 2, OUT, {"0.jpg": [(0, 0, 9, 9)]})


def test_other_images_are_another_digest(tmp_path):
    for name in CONTENT:
        (tmp_path / name).write_bytes(b"")

    def digest(boxes=None):
        return digest_of(cut([str(tmp_path)], 2, OUT, boxes))

    before = digest()
    assert digest() == before != digest({"0.jpg": [(0, 0, 9, 9)]}) != digest({"0.jpg": [(0, 0, 9, 8)]})
    (tmp_path / "5.jpg").write_bytes(b"")
    assert digest() != before
    tar = write_tar(tmp_path / "faces.tar", CONTENT)
    before = digest()
    write_tar(tar, {**CONTENT, "5.jpg": b"x" * 20_000})
    assert digest() != before
