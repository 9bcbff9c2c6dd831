"""The networks, what is said of them beside their weights, and what runs them.

Nothing is imported here: onnxruntime needs no torch.
"""
