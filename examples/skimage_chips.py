"""Every face of an image as an upright 112x112 chip, as face recognition networks expect it.

    python examples/skimage_chips.py [image]

Without an image it takes the portrait that ships inside scikit-image. Writes chip0.png, chip1.png, ...
"""

import sys

from skimage import data, io, util

from tcdcn_init import initialize
from tcdcn_init.adapters.skimage import align_face
from tcdcn_init.detection import detect_boxes

image = io.imread(sys.argv[1]) if len(sys.argv) > 1 else data.astronaut()
faces = initialize(image, detect_boxes(image))
chips = align_face(image, [face.points for face in faces])

for number, (face, chip) in enumerate(zip(faces, chips, strict=True)):
    io.imsave(f"chip{number}.png", util.img_as_ubyte(chip), check_contrast=False)
    print(f"chip{number}.png: face at {face.box.round().tolist()}, rolled by {face.roll:.0f} degrees")
