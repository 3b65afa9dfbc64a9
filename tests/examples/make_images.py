#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write small IDX files that look like Fashion-MNIST: make_images.py OUTDIR

Ten classes of 28x28 uint8 images, each a fixed random pattern under noise: easy to learn, quick to train.
"""
import random
import struct
import sys

SIDE, CLASSES = 28, 10


def write_set(path, patterns, n, rng):
    labels = [rng.randrange(CLASSES) for _ in range(n)]
    pixels = bytearray()
    for label in labels:
        for value in patterns[label]:
            pixels.append(min(255, max(0, value + int(rng.gauss(0, 60)))))
    with open(path + "-images-idx3-ubyte", "wb") as out:
        out.write(struct.pack(">BBBBIII", 0, 0, 8, 3, n, SIDE, SIDE) + pixels)
    with open(path + "-labels-idx1-ubyte", "wb") as out:
        out.write(struct.pack(">BBBBI", 0, 0, 8, 1, n) + bytes(labels))


def main():
    rng = random.Random(20)
    patterns = [[rng.randrange(256) for _ in range(SIDE * SIDE)] for _ in range(CLASSES)]
    write_set(sys.argv[1] + "/train", patterns, 1003, rng)
    write_set(sys.argv[1] + "/test", patterns, 201, rng)


main()
