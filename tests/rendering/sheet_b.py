"""Draws states of FrozenLake, Taxi, CliffWalking and Blackjack beside Gymnasium's
pictures of them.

    python -m tests.rendering.sheet_b [FILE]

needs Gymnasium and pygame. Each environment has a row: three states as eqenvs draws
them, then the same three as Gymnasium does.
"""

import os
import pathlib
import sys
from typing import Any

import gymnasium
import numpy as np
from PIL import Image, ImageDraw

from .sheet_a import fit, GAP, HEADING, SIZE
from .test_pictures_b import example


FILE = pathlib.Path(__file__).parents[2] / "docs/pictures/beside_originals_b.png"
IDS = {
    "FrozenLake-misc": "FrozenLake-v1",
    "Taxi-v4": "Taxi-v4",
    "CliffWalking-v1": "CliffWalking-v1",
    "Blackjack-v1": "Blackjack-v1",
}


def gymnasium_picture(id: str, env: Any, state: Any) -> np.ndarray:
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    original = gymnasium.make(IDS[id], render_mode="rgb_array").unwrapped
    original.reset(seed=0)
    if id == "Blackjack-v1":
        original.player = hand(state.player_total, state.player_cards)
        original.dealer = [int(state.dealer_shows)]
        original.dealer += hand(
            state.dealer_total - state.dealer_shows, state.dealer_cards - 1
        )
        shown = original.dealer[0]
        original.dealer_top_card_value_str = {1: "A", 10: "K"}.get(shown, str(shown))
    else:
        original.s = int(env.observe(state))
    return fit(original.render())


def hand(total: Any, num_cards: Any) -> list[int]:
    """Any cards with that total, an ace first if there can be one."""
    total, num_cards = int(total), int(num_cards)
    cards = []
    for i in range(num_cards, 0, -1):
        cards.append(max(1, total - 10 * (i - 1)))
        total -= cards[-1]
    return cards


def sheet() -> Image.Image:
    width = 6 * (SIZE + GAP) + 3 * GAP
    height = len(IDS) * (SIZE + HEADING + GAP)
    image = Image.new("RGB", (width, height), (176, 180, 186))
    text = ImageDraw.Draw(image)
    for i, (id, original) in enumerate(IDS.items()):
        env, states = example(id)
        top = i * (SIZE + HEADING + GAP)
        second = 3 * (SIZE + GAP) + 3 * GAP
        text.text((GAP, top + 8), f"{original}, eqenvs", fill="black", font_size=14)
        text.text((second, top + 8), "Gymnasium", fill="black", font_size=14)
        for j, state in enumerate(states):
            ours = np.asarray(env.render(state, SIZE))
            left = j * (SIZE + GAP)
            image.paste(Image.fromarray(ours), (GAP + left, top + HEADING))
            theirs = Image.fromarray(gymnasium_picture(id, env, state))
            image.paste(theirs, (second + left, top + HEADING))
    return image


if __name__ == "__main__":
    file = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet().quantize(256).save(file, optimize=True)
