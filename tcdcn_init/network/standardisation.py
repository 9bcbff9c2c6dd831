"""Crops of any brightness and contrast brought to one: what every network here does first."""

from __future__ import annotations

from torch import Tensor

__all__ = ["standardised"]


def standardised(crops: Tensor) -> Tensor:
    """Each crop with mean 0 and standard deviation 1; a flat one becomes 0.

    Parameters
    ----------
    crops : (N, 1, H, W) Tensor

    Returns
    -------
    Tensor of the same shape

    Examples
    --------
    >>> import torch
    >>> crop = torch.tensor([[[[0.2, 0.4], [0.4, 0.6]]]])
    >>> round(standardised(crop).std(correction=0).item(), 2)
    0.99
    """
    centred = crops - crops.mean(dim=(2, 3), keepdim=True)
    return centred / ((centred * centred).mean(dim=(2, 3), keepdim=True).sqrt() + 1e-3)
