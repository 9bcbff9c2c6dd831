"""Faces followed through a video: ids that stay, a loss that is noticed, a detector that is seldom asked.

    python examples/video_loop.py

The "video" is scikit-image's portrait, panned and rolled; half-way somebody holds a page before the face. Writes
video_loop.png: every third frame. Of a file, `tcdcn-init video IN.mp4 --out points.csv --draw OUT.mp4` does the same.
"""

import numpy as np
from skimage import data, io, transform, util

from tcdcn_init.tracking import FaceTracker
from tcdcn_init.video.drawing import draw_tracked

FRAMES = 48


def video():
    portrait, page = data.astronaut(), np.repeat(data.page()[:120, :200, None], 3, axis=2)
    for number, t in enumerate(np.linspace(0, 2 * np.pi, FRAMES)):
        frame = util.img_as_ubyte(transform.rotate(portrait, 25 * np.sin(2 * t), center=(224, 120), mode="edge"))
        if 20 <= number < 26:
            frame[60:180, 130:330] = page
        left = 90 - round(60 * np.sin(t))
        yield frame[:260, left : left + 260]


tracker, drawn = FaceTracker(rate=25), []
for number, frame in enumerate(video()):
    faces = tracker.update(frame)
    for face in faces:
        where = "lost" if face.lost else f"roll {face.face.roll:+.0f} degrees, confidence {face.confidence:.2f}"
        print(f"frame {number:2}: face {face.id}, {where}")
    drawn.append(draw_tracked(frame, faces))

io.imsave("video_loop.png", util.montage(drawn[::3], channel_axis=-1))
print("wrote video_loop.png")
