"""A second of a portrait that sways, by the backend's Python: make_film.py PHOTO FILM."""

import sys

import cv2
import numpy as np

SIDE, FRAMES, RATE, DEGREES = 480, 24, 24.0, 8.0

photo = cv2.imdecode(np.fromfile(sys.argv[1], np.uint8), cv2.IMREAD_COLOR)  # any path, on any system
side = min(photo.shape[:2]) // 2 * 2
film = cv2.VideoWriter(sys.argv[2], cv2.VideoWriter_fourcc(*"mp4v"), RATE, (SIDE, SIDE))
for frame in range(FRAMES):
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), DEGREES * np.sin(frame / 4), 1.0)
    film.write(cv2.resize(cv2.warpAffine(photo[:side, :side], turn, (side, side)), (SIDE, SIDE)))
film.release()
