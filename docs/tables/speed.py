"""Times, from what benchmarks left."""

from __future__ import annotations

from collections.abc import Callable

from tables.cells import read
from tcdcn_init.eval.measuring.markdown import table


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f}"


def machine(name: str) -> str:
    """What a benchmark ran on, and its command."""
    document = read(f"benchmarks/{name}.json")
    hardware = document["hardware"]
    versions = ", ".join(f"{package} {hardware['versions'][package]}" for package in ("torch", "onnxruntime", "numpy"))
    return f"`{document['command']}`: {hardware['processor']}, Python {hardware['python']}, {versions}."


def speed_real() -> str:
    """AFLW's faces, each in its own image."""
    faces = read("benchmarks/initialize.json")["real_faces"]
    shares = faces["passes"]["share"]
    head = [
        "ms a face",
        "mean",
        "x dlib",
        *(f"{n} pass{'es' * (n != '1')}" for n in shares),
        f"{faces['batch']} in a batch",
    ]
    names = {
        "onnx": "five points, onnxruntime",
        "onnx, whole answers": "all of `initialize`'s answer, onnxruntime",
        "onnx, whole answers with 68 points": "... and 68 points, `dense=True`",
        "torch": "five points, PyTorch",
        "dlib, 68 points": "dlib's predictor",
    }
    rows = [
        [
            text,
            f"{faces['ms'][name]:.2f}",
            f"{faces['ratios'][name]:.2f}",
            *(f"{faces['ms_by_passes'][n][name]:.2f}" for n in shares),
            f"{faces['ms_in_batches'][name]:.2f}" if name in faces["ms_in_batches"] else "",
        ]
        for name, text in names.items()
        if name in faces["ms"]
    ]
    rows.append(["share of faces, %", "", "", *(f"{100 * share:.0f}" for share in shares.values()), ""])
    passes = f"{faces['faces']} faces of {faces['dataset']} took {faces['passes']['mean']:.2f} passes on average."
    return f"{table(head, rows)}\n\n{passes}"


def speed_loop() -> str:
    """One portrait in a loop."""
    document = read("benchmarks/initialize.json")
    seconds, ratios = document["seconds"], document["ratios"]
    keys = {name.partition(": ")[2]: None for name in seconds}
    groups = list(dict.fromkeys(name.partition(": ")[0] for name in seconds))
    rows = []
    for name in keys:
        cells = [f"{_ms(seconds[f'{g}: {name}']['median'])} ms, {ratios[f'{g}: {name}']:.2f} x" for g in groups]
        rows.append([name, *cells])
    return table(["", *groups], rows)


def speed_cascade() -> str:
    """The cascade of regression trees in numpy."""
    document = read("benchmarks/ert.json")
    rows = [
        [name, _ms(timing["median"]), f"{document['ratios'][name]:.2f}" if name in document["ratios"] else ""]
        for name, timing in document["seconds"].items()
    ]
    return table(["", "ms", "x dlib"], rows)


def speed_video() -> str:
    """A face followed through two clips."""
    document = read("benchmarks/video.json")
    clips = list(dict.fromkeys(name.partition(": ")[0] for name in document["frames_a_second"]))
    kinds = dict.fromkeys(name.partition(": ")[2] for name in document["frames_a_second"])
    rows = []
    for kind in kinds:
        names = [f"{clip}: {kind}" for clip in clips]
        cells = [f"{document['frames_a_second'][name]:.0f}, {document['ratios'][name]:.2f} x" for name in names]
        rows.append([kind, *cells])
    return table(["frames a second on average, x the time of dlib", *clips], rows)


def speed_training() -> str:
    """The training of the paper's network."""
    document = read("benchmarks/training.json")
    return f"{document['title']}, with {document['threads']} threads."


def speed_drawings() -> str:
    """What drawings and the review page add to a run of `points`."""
    document = read("benchmarks/points.json")
    rows = [
        [name, f"{1e3 * timing['median']:.0f}", f"{document['ratios'][name]:.2f}"]
        for name, timing in document["seconds"].items()
    ]
    said = f"Processor time of one thread for an image of {document['size']} pixels (`{document['command']}`)."
    return table(["points of an image", "ms", "x without"], rows) + f"\n\n{said}"


TABLES: dict[str, Callable[..., str]] = {
    "machine": machine,
    "speed-real": speed_real,
    "speed-loop": speed_loop,
    "speed-cascade": speed_cascade,
    "speed-video": speed_video,
    "speed-training": speed_training,
    "speed-drawings": speed_drawings,
}
