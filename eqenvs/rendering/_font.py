"""The letters of `Text`: a stroke font drawn for this library.

Every glyph is a few straight strokes, so that text is made of segments and looks the
same as pixels, as SVG and on a canvas. A glyph fills a box 8 units wide and 12 high.
Strokes are polylines of `xy` pairs in base 36; the baseline is at y = 4, the top of
small letters at y = 12 and that of capitals at y = 16.
"""

import itertools

import numpy as np


CAPITAL_HEIGHT = 12
ADVANCE = 11
WIDTH = 8
MIDDLE = 10
"""The y coordinate halfway up a capital."""

STROKE = 1.5
"""Thickness of a stroke, in the units of the box."""

STROKES = {
    " ": "",
    "0": "3454777d5g3g1d1734",
    "1": "1d4g44 1474",
    "2": "0d3g5g8d8b0484",
    "3": "0e2g6g8e8c6a3a 6a8886642406",
    "4": "646g0888",
    "5": "8g1g1b5b8887542406",
    "6": "7g4g0c07345487895b3b09",
    "7": "0g8g34",
    "8": "3a1c1e3g5g7e7c5a3a0806246486885a",
    "9": "1444888d5g3g0d0b39598b",
    "A": "044g84 1777",
    "B": "040g5g8e8c5a0a 5a88865404",
    "C": "8d5g3g0d07345487",
    "D": "040g4g8c884404",
    "E": "84040g8g 0a6a",
    "F": "040g8g 0a6a",
    "G": "8d5g3g0d07345487 878a5a",
    "H": "040g 848g 0a8a",
    "I": "2464 444g 2g6g",
    "J": "073454878g",
    "K": "040g 8g09 2b84",
    "L": "0g0484",
    "M": "040g4a8g84",
    "N": "040g848g",
    "O": "3454878d5g3g0d0734",
    "P": "040g5g8e8b5909",
    "Q": "3454878d5g3g0d0734 5884",
    "R": "040g5g8e8b5909 4984",
    "S": "8e6g2g0e0c2a6a8886642406",
    "T": "0g8g 444g",
    "U": "0g073454878g",
    "V": "0g448g",
    "W": "0g244c648g",
    "X": "048g 0g84",
    "Y": "0g4a8g 444a",
    "Z": "0g8g0484",
    "a": "7c74 7a5c3c1a16345476",
    "b": "1g14 1a3c5c7a76543416",
    "c": "7a5c3c1a16345476",
    "d": "7g74 7a5c3c1a16345476",
    "e": "18787a5c3c1a16345475",
    "f": "343e5g7g 1c6c",
    "g": "7c72503011 7a5c3c1a16345476",
    "h": "1g14 1a3c5c7a74",
    "i": "444c 4g4g",
    "j": "5c523010 5g5g",
    "k": "1g14 6c17 3974",
    "l": "4g4664",
    "m": "040c 0a2c4a44 4a6c8a84",
    "n": "141c 1a3c5c7a74",
    "o": "3454767a5c3c1a1634",
    "p": "1c10 1a3c5c7a76543416",
    "q": "7c70 7a5c3c1a16345476",
    "r": "141c 193c6c",
    "s": "7b6c2c1b1928687775642415",
    "t": "3g365474 1c6c",
    "u": "1c16345476 7c74",
    "v": "1c447c",
    "w": "0c244a648c",
    "x": "147c 1c74",
    "y": "1c44 7c30",
    "z": "1c7c1474",
    ".": "4444",
    ",": "4432",
    ":": "4646 4b4b",
    ";": "4b4b 4634",
    "!": "4g48 4444",
    "?": "0d3g5g8d8b4947 4444",
    "'": "4g4d",
    '"': "3g3d 5g5d",
    "-": "1a7a",
    "−": "1a7a",
    "–": "1a7a",
    "+": "1a7a 474d",
    "±": "1b7b 4f47 1474",
    "=": "1878 1c7c",
    "×": "177d 1d77",
    "*": "177d 1d77 4e46",
    "/": "048g",
    "%": "048g 0g2g2e0e0g 6484866664",
    "<": "7e1a76",
    ">": "1e7a16",
    "(": "5g3d3754",
    ")": "3g5d5734",
    "[": "5g3g3454",
    "]": "3g5g5434",
    "|": "4g42",
    "_": "0282",
    "#": "2g24 6g64 0d8d 0787",
    "°": "3g5g5e3e3g",
    "←": "8a0a 3d0a37",
    "→": "0a8a 5d8a57",
    "↑": "444g 1d4g7d",
    "↓": "4g44 174477",
}


def segments(character: str) -> np.ndarray:
    """The strokes of one character as an array of rows `(x0, y0, x1, y1)`."""
    rows = []
    for stroke in STROKES[character].split():
        points = [
            (int(stroke[i], 36), int(stroke[i + 1], 36))
            for i in range(0, len(stroke), 2)
        ]
        rows += [(*a, *b) for a, b in itertools.pairwise(points)]
    return np.array(rows, np.float32).reshape(-1, 4)


def _digit_table() -> tuple[np.ndarray, np.ndarray]:
    glyphs = [segments(character) for character in DIGIT_GLYPHS]
    longest = max(len(glyph) for glyph in glyphs)
    table = np.zeros((len(glyphs), longest, 4), np.float32)
    is_drawn = np.zeros((len(glyphs), longest), np.float32)
    for i, glyph in enumerate(glyphs):
        table[i, : len(glyph)] = glyph
        is_drawn[i, : len(glyph)] = 1
    return table, is_drawn


DIGIT_GLYPHS = "0123456789-"
DIGIT_SEGMENTS, DIGIT_IS_DRAWN = _digit_table()
