"""What SeededShapePredictor is worth to who uses dlib's published files: which seeds do it, and recognition."""
