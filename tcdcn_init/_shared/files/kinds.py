"""What a file is that was taken for something else: the usual mistakes, by a file's first bytes."""

from __future__ import annotations

from pathlib import Path

__all__ = ["wrong_kind"]

_HEADS = (
    (b"BZh", "it is compressed by bzip2; unpack it first (bunzip2)"),
    (b"\x1f\x8b", "it is compressed by gzip; unpack it first (gunzip)"),
    (b"\xfd7zXZ\0", "it is compressed by xz; unpack it first (unxz)"),
    (b"\x28\xb5\x2f\xfd", "it is compressed by zstd; unpack it first (unzstd)"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it first"),
    (b"version https://git-lfs", "it is a Git LFS pointer, which stands for the file; get the file (git lfs pull)"),
    (b"<!doctype html", "it is a web page; the download went wrong: get the file itself"),
    (b"<html", "it is a web page; the download went wrong: get the file itself"),
    (b"<?xml", "it is XML; get the file itself"),
    (b"\x89PNG", "it is an image (PNG)"),
    (b"\xff\xd8\xff", "it is an image (JPEG)"),
    (b"\x89HDF", "it is HDF5"),
    (b"MATLAB 5.0", "it is a MATLAB file"),
    (b"PK\x03\x04", "it is a zip archive, as .npz and PyTorch's files are"),
    (b"\x80\x02", "it is a Python pickle, which may run code and is not read"),
    (b"\x80\x04", "it is a Python pickle, which may run code and is not read"),
)


def wrong_kind(source: Path | bytes, *expected: bytes) -> str:
    """What a file is, if it is one of the kinds that get mistaken for others.

    Parameters
    ----------
    source : pathlib.Path or bytes
        The file, or its beginning.
    *expected : bytes
        Beginnings that are right here, however common they are elsewhere.

    Returns
    -------
    str
        "it is ..." and what to do; empty if nothing is known.

    Examples
    --------
    >>> wrong_kind(b"BZh91AY&SY")
    'it is compressed by bzip2; unpack it first (bunzip2)'
    >>> wrong_kind(b"PK and a file", b"PK")
    ''
    """
    if isinstance(source, bytes):
        head = source[:64]
    else:
        with source.open("rb") as file:
            head = file.read(64)
    if not head:
        return "it is empty; get it anew"
    if any(head.startswith(start) for start in expected):
        return ""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, message in _HEADS:
        if head.startswith(start) or text.startswith(start.lower()):
            return message
    return ""
