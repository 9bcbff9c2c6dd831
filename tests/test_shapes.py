"""The bank of training shapes: units, nearest shapes, files good and bad."""

from __future__ import annotations

import io
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcdcn_init.datasets import Face
from tcdcn_init.geometry import box_from_points, five_from_68, similarity_between, transform_points
from tcdcn_init.shapes import ShapeBank, from_box_units, to_box_units

UPRIGHT = np.array([[-0.2, -0.1], [0.2, -0.1], [0.0, 0.1], [-0.15, 0.3], [0.15, 0.3]])

few = settings(deadline=None, max_examples=50)
boxes = st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(5, 300), st.floats(5, 300)).map(
    lambda b: np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]])
)


def bank(count: int = 40, seed: int = 0) -> ShapeBank:
    return ShapeBank(UPRIGHT + np.random.default_rng(seed).normal(scale=0.05, size=(count, 5, 2)))


def face(name: str, points: np.ndarray, box: tuple[float, ...] | None) -> Face:
    if box is None:
        return Face(name, Path(name), points.astype(np.float32), box_from_points(points), "points")
    return Face(name, Path(name), points.astype(np.float32), np.array(box, dtype=float), "given")


@few
@given(boxes, st.integers(0, 99))
def test_box_units_there_and_back(box: np.ndarray, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-300, 300, size=(3, 5, 2))
    np.testing.assert_allclose(from_box_units(to_box_units(points, box), box), points, atol=1e-8)


@few
@given(boxes, boxes)
def test_a_shape_keeps_its_form_in_a_box_of_any_aspect(box: np.ndarray, other: np.ndarray) -> None:
    moved = from_box_units(to_box_units(UPRIGHT, box), other)
    matrix = similarity_between(UPRIGHT, moved)
    np.testing.assert_allclose(transform_points(matrix, UPRIGHT), moved, atol=1e-7)
    assert matrix[1, 0] == pytest.approx(0, abs=1e-9)


def test_faces_with_a_derived_box_are_left_out() -> None:
    points = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], dtype=float)
    faces = [face("a", points, (0, 0, 100, 100)), face("b", points, None), face("c", points + 10, (10, 10, 60, 60))]
    made = ShapeBank.from_faces(faces)
    assert len(made) == 2
    np.testing.assert_allclose(made.shapes[0], (points - 50) / 100, atol=1e-6)
    np.testing.assert_allclose(made.shapes[1], (points + 10 - 35) / 50, atol=1e-6)
    np.testing.assert_allclose(made.mean, made.shapes.mean(axis=0), atol=1e-6)


def test_faces_that_make_no_bank_are_refused() -> None:
    points = UPRIGHT * 100
    with pytest.raises(ValueError, match="none of 1 faces has a detector's box"):
        ShapeBank.from_faces([face("a", points, None)])
    with pytest.raises(ValueError, match="none of 0 faces"):
        ShapeBank.from_faces([])
    dense = np.random.default_rng(0).uniform(0, 100, size=(68, 2))
    with pytest.raises(ValueError, match="face 'b' has 68 points, 'a' has 5"):
        ShapeBank.from_faces([face("a", points, (0, 0, 9, 9)), face("b", dense, (0, 0, 9, 9))])


def test_dense_shapes_know_their_five_points_and_other_layouts_must_be_told() -> None:
    dense = np.random.default_rng(0).normal(size=(3, 68, 2))
    np.testing.assert_allclose(ShapeBank(dense).five, five_from_68(dense), atol=1e-6)
    np.testing.assert_allclose(ShapeBank(dense).mean_five, five_from_68(ShapeBank(dense).mean), atol=1e-6)
    cofw = np.random.default_rng(0).normal(size=(3, 29, 2))
    np.testing.assert_allclose(ShapeBank(cofw).five, cofw[:, [16, 17, 20, 22, 23]], atol=1e-6)
    other = np.random.default_rng(0).normal(size=(3, 30, 2))
    assert ShapeBank(other, other[:, :5]).five.shape == (3, 5, 2)
    with pytest.raises(ValueError, match="not known: points have shape"):
        ShapeBank(other)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (np.zeros((0, 5, 2)), "N at least 1"),
        (np.zeros((5, 2)), "(N, P, 2)"),
        (np.stack([UPRIGHT, np.full((5, 2), np.nan)]), "shape number 1"),
        (np.stack([np.ones((5, 2)), UPRIGHT]), "shape number 0"),
    ],
)
def test_unusable_shapes_are_refused(shapes: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        ShapeBank(shapes)
    assert words in str(caught.value)


@few
@given(st.integers(0, 999), st.floats(-180, 180), st.floats(0.5, 200), st.integers(1, 40))
def test_nearest_is_the_order_of_distances_after_alignment(seed: int, roll: float, scale: float, count: int) -> None:
    shapes = bank(seed=seed)
    turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    query = bank(1, seed + 1000).shapes[0] @ turn.T + 300
    aligned = transform_points(similarity_between(shapes.five, query), shapes.five)
    distances = np.sqrt(((aligned - query) ** 2).sum(axis=(1, 2)))
    chosen = shapes.nearest(query, count)
    assert len(set(chosen.tolist())) == count
    np.testing.assert_allclose(distances[chosen], np.sort(distances)[:count], rtol=1e-5, atol=1e-6 * scale)


def test_a_mirrored_shape_is_not_near() -> None:
    turned_away = UPRIGHT + np.array([[0, 0], [-0.1, 0], [-0.15, 0], [0, 0], [-0.1, 0]])
    mirrored = turned_away * [-1, 1]
    assert ShapeBank([mirrored[[1, 0, 2, 4, 3]], turned_away]).nearest(turned_away, 1).tolist() == [1]


def test_of_equally_near_shapes_the_earlier_comes_first() -> None:
    assert ShapeBank([UPRIGHT * [1.5, 1], UPRIGHT, UPRIGHT, UPRIGHT]).nearest(UPRIGHT, 2).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("five", "count", "words"),
    [
        (UPRIGHT, 0, "0 shapes are wanted of a bank of 40"),
        (UPRIGHT, 41, "expected 1 to 40"),
        (UPRIGHT[:4], 1, "five finite, distinct"),
        (np.full((5, 2), np.nan), 1, "five finite, distinct"),
        (np.ones((5, 2)), 1, "five finite, distinct"),
    ],
)
def test_nearest_says_what_it_cannot_use(five: np.ndarray, count: int, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        bank().nearest(five, count)
    assert words in str(caught.value)


@pytest.mark.parametrize("points", [5, 29, 68])
def test_a_file_holds_the_whole_bank(tmp_path: Path, points: int) -> None:
    shapes = np.random.default_rng(0).normal(size=(7, points, 2))
    made = ShapeBank(shapes, shapes[:, 3:8] if points == 29 else None)
    made.save(tmp_path / "new" / "bank.npz")
    again = ShapeBank.load(tmp_path / "new" / "bank.npz")
    np.testing.assert_array_equal(again.shapes, made.shapes)
    np.testing.assert_array_equal(again.five, made.five)
    np.testing.assert_array_equal(ShapeBank.load(str(tmp_path / "new" / "bank.npz")).shapes, made.shapes)
    made.save(tmp_path / "twice.npz")
    assert (tmp_path / "twice.npz").read_bytes() == (tmp_path / "new" / "bank.npz").read_bytes()


def test_a_bank_can_be_sent_to_another_process() -> None:
    made = bank()
    made.nearest(UPRIGHT, 1)
    assert pickle.loads(pickle.dumps(made)).nearest(UPRIGHT, 3).tolist() == made.nearest(UPRIGHT, 3).tolist()


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.npz does not exist"):
        ShapeBank.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match=r"'no-such-bank\.npz' is not bundled"):
        ShapeBank.load("no-such-bank")
    with pytest.raises(ValueError, match=r"does not end in \.npz"):
        bank().save(tmp_path / "bank.npy")


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in members.items():
            made.writestr(name + ".npy", content)
    return file.getvalue()


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)  # type: ignore[arg-type]
    return file.getvalue()


FAILURE = npy(UPRIGHT[None])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a file of any kind",
        FAILURE,
        archive(),
        archive(other=FAILURE),
        archive(shapes=FAILURE, more=FAILURE),
        archive(shapes=b""),
        archive(shapes=FAILURE[:40]),
        archive(shapes=FAILURE[:-3]),
        archive(shapes=b"garbage"),
        archive(shapes=npy(np.array([{"a": 1}], dtype=object))),
        archive(shapes=npy(np.array([["text"]]))),
        archive(shapes=npy(np.ones((3, 5, 2), dtype=np.int64))),
        archive(shapes=npy(np.full((1, 5, 2), np.nan))),
        archive(shapes=npy(np.zeros((0, 5, 2)))),
        archive(shapes=FAILURE, five=npy(np.zeros((2, 5, 2)))),
        archive(shapes=FAILURE)[:-30],
    ],
)
def test_files_that_are_no_bank_give_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.npz is not a shape bank: .*get it anew"):
        ShapeBank.load(path)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('unpickled')",))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    path.write_bytes(archive(shapes=npy(np.array([_Bomb()], dtype=object))))
    with pytest.raises(ValueError, match="not a shape bank"):
        ShapeBank.load(path)


def header(shape: object, dtype: str = "<f4") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def raw_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def deflated(content: bytes, size: int) -> bytes:
    """An archive whose one member unpacks to a content and zeros up to a size."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made, made.open("shapes.npy", "w") as member:
        member.write(content)
        for start in range(0, size, 1 << 20):
            member.write(bytes(min(1 << 20, size - start)))
    return file.getvalue()


ENTRY = b"PK\x01\x02\x14\x03\x14\0"
"""Before the flags and the method of a member in an archive's directory."""


def changed(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old)
    return content.replace(old, new)


@pytest.mark.parametrize(
    "content",
    [
        deflated(header((20_000_000, 5, 2)), 800_000_000),
        archive(shapes=header((10**9, 5, 2))),
        archive(shapes=header((-1, 5, 2))),
        archive(shapes=header((2**62, 5, 2))),
        archive(shapes=raw_header("{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 2000 + ")}\n")),
        archive(shapes=raw_header("{'descr': '<f4', 'fortran_order': False, 'shape': ('a',)}\n")),
        archive(shapes=raw_header("__import__('os').abort()\n")),
        archive(shapes=raw_header("{}\n")),
        archive(shapes=b"\x93NUMPY\x09\x00" + npy(UPRIGHT[None])[8:]),
        changed(archive(shapes=npy(UPRIGHT[None])), b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\x01\0"),
        changed(
            archive(shapes=npy(UPRIGHT[None])),
            b"PK\x01\x02\x14\x03\x14\0\0\0\0\0",
            b"PK\x01\x02\x14\x03\x14\0\0\0\x61\0",
        ),
    ],
    ids=["bomb", "claim", "negative", "overflow", "deep", "text", "code", "bare", "version", "encrypted", "method"],
)
def test_a_file_can_neither_take_memory_nor_raise_anything_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"bad\.npz is not a shape bank: .*get it anew"):
            ShapeBank.load(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_arrays_by_columns_and_of_other_precision_are_read(tmp_path: Path) -> None:
    shapes = np.asfortranarray(np.random.default_rng(0).normal(size=(7, 5, 2)))
    np.savez(tmp_path / "bank.npz", shapes=shapes)
    np.testing.assert_array_equal(ShapeBank.load(tmp_path / "bank.npz").shapes, shapes.astype(np.float32))


def test_the_usual_mistakes_are_named(tmp_path: Path) -> None:
    (tmp_path / "bank.npz").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ValueError, match="git lfs pull"):
        ShapeBank.load(tmp_path / "bank.npz")
