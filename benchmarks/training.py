"""How long the paper's network takes for 80 epochs of 10,000 faces, from a measured stretch of them.

Faces are random pixels: the time does not depend on what they show. Decoding is timed on the real data where it is
given. Uses a thread a core, unlike the other benchmarks.

    python benchmarks/training.py [--data MTFL] [--steps 60] [--out training.json]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
from common import compare, report

from tcdcn_init.datasets import read_mtfl
from tcdcn_init.network.config import TCDCNConfig
from tcdcn_init.network.tcdcn import TCDCN
from tcdcn_init.tasks import TASKS
from tcdcn_init.training.augmentation import Patches, random_views
from tcdcn_init.training.data import load_patches
from tcdcn_init.training.objective import MultiTaskObjective
from tcdcn_init.training.recipes import recipe

FACES, EPOCHS = 10_000, 80
THREADS = os.cpu_count() or 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--faces", type=int, default=FACES, help="faces held in memory, which the steps draw from")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("training.json"))
    arguments = parser.parse_args()
    faces = arguments.faces
    torch.set_num_threads(THREADS)
    config = recipe("tcdcn-quick")
    batch = min(config.batch, faces)
    generator = torch.Generator().manual_seed(0)
    side = round(2 * config.network.side * config.augmentation.margin())
    patches = Patches(
        pixels=torch.randint(0, 256, (faces, side, side), dtype=torch.uint8, generator=generator),
        points=torch.rand(faces, 5, 2, generator=generator) - 0.5,
        unit=torch.full((faces,), 0.3),
        labels={task: torch.randint(0, len(TASKS[task]), (faces,), generator=generator) for task in TASKS},
        span=side / (2 * config.network.side),
        later=torch.zeros(faces, 4),
    )
    assert isinstance(config.network, TCDCNConfig)
    network = TCDCN(config.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective = MultiTaskObjective(config.objective, config.network.tasks)
    optimizer = torch.optim.AdamW(network.parameters())
    views = (config.network.view, config.network.side, config.augmentation, generator)

    def step() -> None:
        index = torch.randint(0, faces, (batch,), generator=generator)
        crops, targets = random_views(patches, index, *views)
        loss = objective.total(objective(network(crops), targets), config.network.tasks)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    timing = compare({"a training step": step}, arguments.steps, clock=time.perf_counter)["a training step"]
    minutes = timing.median * (FACES // batch) * EPOCHS / 60
    extra = {"threads": THREADS, "minutes_steps": minutes}
    if arguments.data:
        start = time.perf_counter()
        load_patches(read_mtfl(arguments.data, "training"), config.network, config.augmentation)
        extra["minutes_decoding"] = (time.perf_counter() - start) / 60
        minutes += extra["minutes_decoding"]
    extra["minutes"] = minutes
    report(
        f"80 epochs of 10,000 faces take {minutes:.1f} minutes", {"a training step": timing}, {}, arguments.out, **extra
    )


if __name__ == "__main__":
    main()
