"""The reader of images under its older path."""

from __future__ import annotations

from tcdcn_init.images import read_image as read_image
