"""What a run found: counted piece by piece, summed up at the end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tcdcn_init._shared.files import replacing
from tcdcn_init._shared.progress import duration
from tcdcn_init.pointfile.rows import Row

__all__ = ["Counts", "RunReport", "Summary", "summary_of"]

BINS = 10
"""Of the histogram of confidences: from 0 to 1, all alike."""

_NAMED = 20  # failures that a report tells of; all of them have rows


@dataclass(frozen=True)
class Counts:
    """What became of images.

    Attributes
    ----------
    images, faces : int
        Images read, and faces with points.
    without_face, unreadable, unused : int
        Images without a face; images, or whole tars and tables, that could not be read; faces that could not be used.
    confidence : sequence of int
        Faces by their confidence, from 0 to 1 in tenths.
    unknown : int
        Faces whose confidence the model does not say.
    failures : sequence of (str, str)
        Names of some images that failed, or have a face that did, and why.
    """

    images: int
    faces: int
    without_face: int
    unreadable: int
    unused: int
    confidence: Sequence[int]
    unknown: int
    failures: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Summary(Counts):
    """What became of a piece.

    Attributes
    ----------
    images, faces, without_face, unreadable, unused, confidence, unknown, failures
        See `Counts`.
    part : str
        Name of the file of its rows.
    seconds : float
        That it took.
    """

    part: str
    seconds: float


def summary_of(part: str, rows: Sequence[Row], seconds: float) -> Summary:
    """Count a piece's rows."""
    faces = [row for row in rows if row["status"] == "ok"]
    failed = [row for row in rows if row["status"] == "failed"]
    known = [row["confidence"] for row in faces if row["confidence"] is not None]
    without = [row for row in rows if row["status"] == "no face"]
    return Summary(
        part=part,
        images=len({row["image"] for row in rows if row["face"] is not None}) + len(without),
        faces=len(faces),
        without_face=len(without),
        unreadable=sum(row["face"] is None for row in failed),
        unused=sum(row["face"] is not None for row in failed),
        confidence=np.histogram(known, BINS, (0.0, 1.0))[0].tolist(),
        unknown=len(faces) - len(known),
        failures=[(row["image"], row["error"]) for row in failed[:_NAMED]],
        seconds=round(seconds, 3),
    )


@dataclass(frozen=True)
class RunReport(Counts):
    """What a whole run found, whatever the number of machines and of interruptions.

    Attributes
    ----------
    images, faces, without_face, unreadable, unused, confidence, unknown, failures
        See `Counts`.
    out : pathlib.Path
        Folder of the parts.
    parts : int
        Files of rows in it.
    worker_seconds : float
        Of all workers together, over all attempts that ended well.
    seconds : float
        From the beginning to the end of the attempt that finished the run.
    review : pathlib.Path or None
        The page of a sample.
    """

    out: Path
    parts: int
    worker_seconds: float
    seconds: float
    review: Path | None = None

    @classmethod
    def of(cls, summaries: Iterable[Summary], out: Path, seconds: float, review: Path | None) -> RunReport:
        """Sum up."""
        whole = list(summaries)

        def total(name: str) -> Any:
            return sum(getattr(summary, name) for summary in whole)

        return cls(
            **{name: total(name) for name in ("images", "faces", "without_face", "unreadable", "unused", "unknown")},
            confidence=np.sum([summary.confidence for summary in whole], axis=0, initial=0).tolist() or [0] * BINS,
            failures=[failure for summary in whole for failure in summary.failures][:_NAMED],
            out=out,
            parts=len(whole),
            worker_seconds=round(total("seconds"), 1),
            seconds=round(seconds, 1),
            review=review,
        )

    def text(self) -> str:
        """The report for people.

        Examples
        --------
        >>> report = RunReport.of([summary_of("part-000000", [], 0.5)], Path("out"), 1.0, None)
        >>> print(report.text().splitlines()[0])
        0 faces in 0 images -> out (1 part)
        """
        each = f", {1e3 * self.worker_seconds / self.images:.0f} ms an image" if self.images else ""
        parts = "part" if self.parts == 1 else "parts"
        lines = [
            f"{self.faces:,} faces in {self.images:,} images -> {self.out} ({self.parts:,} {parts})",
            f"{duration(self.seconds)}; {duration(self.worker_seconds)} of all workers together{each}",
            f"without a face: {self.without_face:,} images",
            f"unreadable: {self.unreadable:,} images; not used: {self.unused:,} faces",
        ]
        lines += [f"  {name}: {why}" for name, why in self.failures]
        if self.unreadable + self.unused > len(self.failures):
            lines.append('  ...; all of them have rows whose status is "failed"')
        if sum(self.confidence):
            lines.append("confidence of the faces:")
            most = max(self.confidence)
            for k, count in enumerate(self.confidence):
                share = count / sum(self.confidence)
                bar = "#" * round(40 * count / most)
                lines.append(f"  {k / BINS:.1f} to {(k + 1) / BINS:.1f}  {share:6.1%}  {count:>12,}  {bar}".rstrip())
        if self.unknown:
            lines.append(f"of unknown confidence: {self.unknown:,} faces")
        if self.review is not None:
            lines.append(f"a sample to look through: {self.review}")
        return "\n".join(lines) + "\n"

    def write(self, json_file: Path, text_file: Path) -> None:
        """Write it as both."""
        content = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        with replacing(text_file) as part:
            part.write_text(self.text(), encoding="utf-8")
        with replacing(json_file) as part:
            part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
