"""Training of the networks.

Nothing is imported here: whoever initializes faces needs no torch.
"""
