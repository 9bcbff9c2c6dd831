"""What a report states about the machine that its figures are from."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("tcdcn-init", "numpy", "scipy", "scikit-image", "torch", "onnxruntime", "dlib", "dlib-bin")


def hardware() -> dict[str, Any]:
    """Processor, system and the versions that decide speed and results.

    Examples
    --------
    >>> sorted(hardware())
    ['cores', 'processor', 'python', 'system', 'versions']
    """
    names = []
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions,
    }
