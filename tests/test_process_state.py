"""What processes do to objects: threads, forks, pickles, and what a call leaves behind."""

from __future__ import annotations

import copy
import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from tcdcn_init import Initializer, initialize
from tcdcn_init.detection import detect_boxes

BACKENDS = pytest.mark.parametrize("backend", ["torch", "onnx"])
BOX = (170, 70, 275, 205)


@BACKENDS
def test_four_threads_share_an_initializer(portrait, backend):
    initializer = Initializer(backend=backend)
    images = [portrait[:, : 300 + 20 * k] for k in range(5)]
    alone = [initializer.points(image, [BOX, (150, 80, 260, 190)]) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: initializer.points(image, [BOX, (150, 80, 260, 190)]), images * 3))
    for k, points in enumerate(together):
        np.testing.assert_array_equal(points, alone[k % len(images)])


@pytest.mark.parametrize("detector", ["tcdcn", "dlib", "skimage"])
def test_four_threads_detect_as_one_does(portrait, detector):
    # Alone in a process: dlib's detector, shared by threads, ends it.
    code = f"""
from concurrent.futures import ThreadPoolExecutor
from skimage.data import astronaut
from tcdcn_init.detection import detect_boxes
images = [astronaut()[:240, 110 : 310 + 10 * k] for k in range(3)]
alone = [detect_boxes(image, {detector!r}).tolist() for image in images]
with ThreadPoolExecutor(4) as pool:
    together = list(pool.map(lambda image: detect_boxes(image, {detector!r}).tolist(), images * 2))
assert together == alone * 2
assert all(len(boxes) == 1 for boxes in alone)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@BACKENDS
def test_a_forked_child_answers_as_its_parent_did(backend):
    code = f"""
import multiprocessing as mp
from skimage.data import astronaut
import torch
torch.set_num_threads(2)
from tcdcn_init import initialize
def work(_):
    return initialize(astronaut(), [{BOX}] * 16, backend={backend!r})[0].points.tolist()
if __name__ == "__main__":
    expected = work(0)
    assert torch.get_num_threads() == 2
    with mp.get_context("fork").Pool(2) as pool:
        found = pool.map_async(work, range(2)).get(60)
    assert found == [expected] * 2
"""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=environment)


@BACKENDS
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("again", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_an_initializer_can_be_pickled_and_copied(portrait, backend, used, again):
    initializer = Initializer("tcdcn-mtfl", backend=backend, passes=2, mirror=True)
    if used:
        initializer.points(portrait, [BOX])
    other = again(initializer)
    assert (other.passes, other.mirror) == (2, True)
    np.testing.assert_array_equal(other.points(portrait, [BOX]), initializer.points(portrait, [BOX]))


def test_a_pickled_path_is_found_from_another_folder(portrait, small_model, tmp_path, monkeypatch):
    monkeypatch.chdir(small_model.parent)
    pickled = [pickle.dumps(Initializer(model)) for model in (Path(small_model.name), small_model.name)]
    monkeypatch.chdir(tmp_path)
    for each in pickled:
        assert pickle.loads(each).points(portrait, [BOX]).shape == (1, 5, 2)


def test_a_face_goes_through_a_queue(portrait):
    face = initialize(portrait, [BOX])[0]
    assert pickle.loads(pickle.dumps(face)).to_dict() == face.to_dict()


@BACKENDS
def test_random_numbers_and_threads_are_as_before(portrait, backend):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global state is what is tested
    random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    threads = torch.get_num_threads()
    Initializer(backend=backend, mirror=True)(portrait, [BOX])
    detect_boxes(portrait)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert random.getstate() == before[2]
    assert torch.get_num_threads() == threads


def test_threads_that_start_during_a_call_have_the_callers_number(portrait):
    # Alone in a process: where the tests run, torch has one thread.
    code = f"""
import threading
import torch
torch.set_num_threads(2)
from skimage.data import astronaut
from tcdcn_init import Initializer
initializer, image, done = Initializer(backend="torch"), astronaut(), threading.Event()
def work():
    while not done.is_set():
        initializer.points(image, [{BOX}] * 16)
worker = threading.Thread(target=work)
worker.start()
seen = []
for _ in range(40):
    other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    other.start()
    other.join()
    done.wait(0.01)
done.set()
worker.join()
assert seen.count(2) >= 32, seen  # a moment is left, as the call begins
"""
    subprocess.run([sys.executable, "-c", code], check=True)
