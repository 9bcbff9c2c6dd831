"""A video in which only the first frame needs a detector: each box comes from the points of the frame before.

    python examples/video_loop.py

The "video" is scikit-image's portrait, panned and rolled. Writes video_loop.png: every third frame.
"""

import numpy as np
from skimage import data, draw, io, transform, util

from tcdcn_init import Initializer
from tcdcn_init.detection import detect_boxes
from tcdcn_init.geometry import box_from_points

FRAMES = 48


def video():
    portrait = data.astronaut()
    for t in np.linspace(0, 2 * np.pi, FRAMES):
        turned = util.img_as_ubyte(transform.rotate(portrait, 25 * np.sin(2 * t), center=(224, 120), mode="edge"))
        left = 90 - round(60 * np.sin(t))
        yield turned[:260, left : left + 260]


def marked(image, points):
    image = image.copy()
    for x, y in points:
        image[draw.disk((y, x), 4, shape=image.shape[:2])] = 80, 255, 80
    return image


initializer = Initializer()
box, drawn = None, []
for number, frame in enumerate(video()):
    if box is None:
        box = detect_boxes(frame)[0]
    face = initializer(frame, [box])[0]
    drawn.append(marked(frame, face.points))
    print(f"frame {number:2}: box {np.round(box).astype(int).tolist()}, roll {face.roll:+.0f} degrees")
    box = box_from_points(face.points)

io.imsave("video_loop.png", util.montage(drawn[::3], channel_axis=-1))
print("wrote video_loop.png")
