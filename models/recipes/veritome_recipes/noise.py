"""The program's own normal numbers, made a second time: what a seeded model of it draws can then be expected from here.

ChaCha with 8 rounds (Bernstein 2008) as a stream of words; a word becomes a normal number by the ziggurat (Marsaglia and Tsang
2000, in the form of Doornik's ZIGNOR 2005, 256 boxes). The seed, the sample and what the numbers are for say which stream.
"""

import math

import numpy as np

PURPOSES = {"start": 0, "steps": 1, "forward": 2, "latent": 3}
R, AREA = 3.654152885361008796, 0.00492867323399  # where the tail begins, and the area of a box


def _boxes():
    x = [AREA / math.exp(-R * R / 2), R]
    for _ in range(254):
        x.append(math.sqrt(-2 * math.log(AREA / x[-1] + math.exp(-x[-1] ** 2 / 2))))
    x.append(0.0)
    return np.array(x), np.exp(-np.square(x) / 2)


BOXES, DENSITY = _boxes()


def words(key, stream, blocks, first=0):
    """16 words a block, as uint32 [blocks, 16]; `key` 32 bytes."""
    state = np.zeros((16, blocks), np.uint32)
    state[:4] = np.frombuffer(b"expand 32-byte k", "<u4")[:, None]
    state[4:12] = np.frombuffer(key, "<u4")[:, None]
    counter = np.arange(first, first + blocks, dtype=np.uint64)
    state[12], state[13] = counter & 0xFFFFFFFF, counter >> 32
    state[14], state[15] = stream & 0xFFFFFFFF, stream >> 32
    x = state.copy()

    def turn(a, b, c, d):
        for into, other, bits in ((a, b, 16), (c, d, 12), (a, b, 8), (c, d, 7)):
            x[into] += x[other]
            target = d if into == a else b
            mixed = x[target] ^ x[into]
            x[target] = (mixed << np.uint32(bits)) | (mixed >> np.uint32(32 - bits))

    for _ in range(4):
        for column in range(4):
            turn(column, 4 + column, 8 + column, 12 + column)
        for a in range(4):
            turn(a, 4 + (a + 1) % 4, 8 + (a + 2) % 4, 12 + (a + 3) % 4)
    return (x + state).T


class Noise:
    """Standard normal numbers of one (seed, sample, purpose, window)."""

    def __init__(self, seed, sample, purpose, window=0):
        self.key = seed.to_bytes(8, "little") + b"veritome" + window.to_bytes(8, "little") + bytes(8)
        self.stream, self.block, self.left = sample << 8 | PURPOSES[purpose], 0, iter(())

    def bits(self):
        for word in self.left:
            return word
        made = words(self.key, self.stream, 4096, self.block)
        self.block += 4096
        self.left = iter(np.ascontiguousarray(made).view("<u8").ravel().tolist())
        return next(self.left)

    def open01(self):
        return ((self.bits() >> 12) + 0.5) * 2.0**-52

    def draw(self):
        while True:
            bits = self.bits()
            box = bits & 0xFF
            u = (bits >> 12) * 2.0**-51 - 1
            x = u * BOXES[box]
            if abs(x) < BOXES[box + 1]:
                return x
            if box == 0:
                tail, height = 1.0, 0.0
                while -2 * height < tail * tail:
                    tail, height = math.log(self.open01()) / R, math.log(self.open01())
                return tail - R if u < 0 else R - tail
            if DENSITY[box + 1] + (DENSITY[box] - DENSITY[box + 1]) * ((self.bits() >> 11) * 2.0**-53) < math.exp(-x * x / 2):
                return x

    def take(self, *shape):
        return np.array([self.draw() for _ in range(math.prod(shape))], np.float32).reshape(shape)
