"""What a report states about the machine that its figures are from."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["Hardware", "hardware"]

_PACKAGES = ("tcdcn-init", "numpy", "scipy", "scikit-image", "torch", "onnxruntime", "dlib", "dlib-bin", "ray")


@dataclass(frozen=True)
class Hardware:
    """A machine, and the versions that decide speed and results.

    Attributes
    ----------
    processor : str
    cores : int or None
    system, python : str
    versions : dict of str to str
        Of the packages that are installed.
    """

    processor: str
    cores: int | None
    system: str
    python: str
    versions: dict[str, str]


def hardware() -> Hardware:
    """This machine.

    Examples
    --------
    >>> "numpy" in hardware().versions
    True
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
    return Hardware(
        processor=names[0] if names else platform.processor(),
        cores=os.cpu_count(),
        system=platform.system(),
        python=platform.python_version(),
        versions=versions,
    )
