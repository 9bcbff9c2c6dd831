"""What the families of cascades share: frames, layouts of points, chips, files, training faces and starts."""
