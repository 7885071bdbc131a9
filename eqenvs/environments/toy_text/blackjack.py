"""Blackjack: draw cards without going over 21, and beat the dealer.

The rules are those of Example 5.1 of Sutton & Barto, "Reinforcement Learning: An
Introduction" (2018), as in Gymnasium's `Blackjack-v1`
(https://gymnasium.farama.org/environments/toy_text/blackjack/).

1. Cards are drawn from an infinite deck. An ace counts 1 and a face card 10. One ace of
   a hand counts 11 if the hand stays within 21 (the ace is usable).
2. Player and dealer get two cards each; one of the dealer's is shown.
3. The action is to take another card or to stop. A player who goes over 21 loses.
4. When the player stops, the dealer takes cards up to a total of 17 or more. A dealer
   who goes over 21 loses; otherwise the higher total wins.
5. An ace and a ten as the first two cards are a natural. With `sab`, a natural wins
   unless the dealer has one too. Without it, and with `natural`, winning with a natural
   pays 1.5.

A dealer takes at most ten more cards: the longest hand is six aces, a six and five more
aces.

**Deviations:**

- The suit and the face of the dealer's card, which Gymnasium draws for its picture
  only, are omitted.
- A sequence of five cards, which come from one random word, has its probability to
  within 2⁻³².
"""

import math

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Int32, Key, UInt32

from ..._environment import AbstractEnvironment, AbstractState, NO_LIMIT, Transition
from ...fields import flag, time_limit
from ...random import next_digit
from ...rendering import AbstractShape, Rectangle, Scene, Text
from ...rendering.colors import BLUE, GREEN, INK, RED, WHITE, YELLOW
from ...spaces import Discrete, Tuple


FELT = (GREEN + 2 * INK) / 3
NUM_RANKS = 13
MOST_DEALER_CARDS = 10  # that a dealer may take after the first two
_CARDS_PER_WORD = 5
_CARDS_DEALT = 4


class BlackjackState(AbstractState):
    """The hands, and whether the player has stopped. A total counts every ace as 1."""

    player_total: Int32[Array, ""]
    player_has_ace: Bool[Array, ""]
    player_cards: Int32[Array, ""]
    dealer_shows: Int32[Array, ""]
    dealer_total: Int32[Array, ""]
    dealer_has_ace: Bool[Array, ""]
    dealer_cards: Int32[Array, ""]
    has_stopped: Bool[Array, ""]
    time: Int32[Array, ""]


class Blackjack(
    AbstractEnvironment[
        BlackjackState,
        Int32[Array, ""],
        tuple[Int32[Array, ""], Int32[Array, ""], Int32[Array, ""]],
    ]
):
    """Beat the dealer at blackjack.

    **Observation:** a tuple of three integers.

    | index | meaning | range |
    | --- | --- | --- |
    | 0 | total of the player, a usable ace counted as 11 | `Discrete(32)` |
    | 1 | the card that the dealer shows; an ace is 1 | `Discrete(11)` |
    | 2 | whether the player has a usable ace | `Discrete(2)` |

    **Action:** `Discrete(2)`: 0 stops, 1 takes a card.

    **Reward:** 1 for a win, -1 for a loss, 0 for a draw and for taking a card; 1.5 for
    winning with a natural, if `natural` is True and `sab` is not.

    **Start:** two cards each, from an infinite deck.

    **Episode end:** terminates when the player stops or goes over 21; truncated after
    `max_steps`.

    **Source:** Sutton & Barto (2018), as in Gymnasium's `Blackjack-v1`.
    """

    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)
    natural: bool = flag(
        False, "Whether winning with a natural pays 1.5; ignored with `sab`."
    )
    sab: bool = flag(
        False, "Whether a natural wins unless the dealer has one, as in the book."
    )

    def initial_state(self, key: Key[Array, ""]) -> BlackjackState:
        first, second, third, fourth = self._deal(key)
        return BlackjackState(
            player_total=third + fourth,
            player_has_ace=(third == 1) | (fourth == 1),
            player_cards=jnp.int32(2),
            dealer_shows=first,
            dealer_total=first + second,
            dealer_has_ace=(first == 1) | (second == 1),
            dealer_cards=jnp.int32(2),
            has_stopped=jnp.array(False),
            time=jnp.int32(0),
        )

    @staticmethod
    def _deal(key: Key[Array, ""]) -> Int32[Array, "4"]:
        """The dealer's two cards, the first of which is shown, and the player's."""
        return _cards(jr.bits(key, (1,), jnp.uint32), _CARDS_DEALT)

    def transition(
        self, key: Key[Array, ""], state: BlackjackState, action: Int32[Array, ""]
    ) -> Transition[BlackjackState]:
        cards = self._draw(key)
        takes = action == 1
        after = BlackjackState(
            player_total=state.player_total + jnp.where(takes, cards[0], 0),
            player_has_ace=state.player_has_ace | (takes & (cards[0] == 1)),
            player_cards=state.player_cards + takes.astype(jnp.int32),
            dealer_shows=state.dealer_shows,
            **self._dealers_turn(state, cards, ~takes),
            has_stopped=~takes,
            time=state.time + 1,
        )
        is_bust = after.player_total > 21
        player = _score(after.player_total, after.player_has_ace)
        dealer = _score(after.dealer_total, after.dealer_has_ace)
        reward = jnp.sign(player - dealer).astype(float)
        is_natural = _is_natural(
            after.player_total, after.player_has_ace, after.player_cards
        )
        if self.sab:
            dealer_natural = _is_natural(
                after.dealer_total, after.dealer_has_ace, after.dealer_cards
            )
            reward = jnp.where(is_natural & ~dealer_natural, 1.0, reward)
        elif self.natural:
            reward = jnp.where(is_natural & (reward == 1), 1.5, reward)
        reward = jnp.where(takes, jnp.where(is_bust, -1.0, 0.0), reward)
        return Transition(after, reward, ~takes | is_bust)

    def _draw(self, key: Key[Array, ""]) -> Int32[Array, " cards"]:
        """The next cards of the deck, as many as anyone may need in one step."""
        num_words = -(-MOST_DEALER_CARDS // _CARDS_PER_WORD)
        return _cards(jr.bits(key, (num_words,), jnp.uint32), MOST_DEALER_CARDS)

    @staticmethod
    def _dealers_turn(
        state: BlackjackState, cards: Int32[Array, " cards"], is_on: Bool[Array, ""]
    ) -> dict[str, Array]:
        total, has_ace = state.dealer_total, state.dealer_has_ace
        num_cards = state.dealer_cards
        for i in range(MOST_DEALER_CARDS):
            takes = is_on & (_value(total, has_ace) < 17)
            total = total + jnp.where(takes, cards[i], 0)
            has_ace = has_ace | (takes & (cards[i] == 1))
            num_cards = num_cards + takes.astype(jnp.int32)
        return dict(dealer_total=total, dealer_has_ace=has_ace, dealer_cards=num_cards)

    def observe(
        self, state: BlackjackState
    ) -> tuple[Int32[Array, ""], Int32[Array, ""], Int32[Array, ""]]:
        is_usable = _has_usable_ace(state.player_total, state.player_has_ace)
        return (
            _value(state.player_total, state.player_has_ace),
            state.dealer_shows,
            is_usable.astype(jnp.int32),
        )

    @property
    def action_space(self) -> Discrete:
        return Discrete(2)

    @property
    def observation_space(self) -> Tuple:
        return Tuple((Discrete(32), Discrete(11), Discrete(2)))

    def draw(self, state: BlackjackState) -> Scene:
        player = _value(state.player_total, state.player_has_ace)
        dealer = _value(state.dealer_total, state.dealer_has_ace)
        is_usable = _has_usable_ace(state.player_total, state.player_has_ace)
        is_bust, is_ace = state.player_total > 21, state.dealer_shows == 1
        # The dealer's second card stays hidden until the player stops.
        shows, hides = state.has_stopped, ~state.has_stopped
        return Scene(
            (
                Text("Dealer", (0.5, 9.3), 0.6, WHITE, anchor="left"),
                Text(
                    "{}", (9.5, 9.3), 0.8, YELLOW, shows, number=dealer, anchor="right"
                ),
                *_hand(state.dealer_cards, 7.0, hides),
                Text("A", (1.4, 7), 0.9, INK, is_ace),
                Text("{}", (1.4, 7), 0.9, INK, ~is_ace, number=state.dealer_shows),
                Text("Player", (0.5, 4.6), 0.6, WHITE, anchor="left"),
                Text("{}", (9.5, 4.6), 0.8, YELLOW, number=player, anchor="right"),
                Text("ace = 11", (6, 4.6), 0.5, WHITE, is_usable & ~is_bust),
                Text("bust", (6, 4.6), 0.5, WHITE, is_bust),
                *_hand(state.player_cards, 2.3, jnp.array(False)),
                Rectangle((1.4, 2.3), (0.6, 0.6), RED, angle=math.pi / 4),
            ),
            view=(0, 0.4, 10, 10.4),
            background=FELT,
        )


def _hand(
    num_cards: Int32[Array, ""], y: float, hides: Bool[Array, ""]
) -> tuple[AbstractShape, ...]:
    """As many cards as a hand has, up to twelve, the first one on top."""
    # From the last card to the first, and each card's edge before its face.
    n = np.arange(12, dtype=np.int32)[::-1].repeat(2)
    is_face = np.tile([False, True], 12)
    size = np.where(is_face[:, None], (1.6, 2.5), (1.7, 2.6))
    is_back = (hides & (n == 1))[:, None]
    face = jnp.where(is_back, BLUE[None], WHITE[None])
    colors = jnp.where(is_face[:, None], face, INK[None])
    return (Rectangle((1.4 + 0.65 * n, y), size, colors, n < num_cards),)


def _cards(words: UInt32[Array, " words"], num: int) -> Int32[Array, " cards"]:
    """Cards of an infinite deck, from 1 to 10, several from every word."""
    cards = []
    for fraction in words:
        for _ in range(_CARDS_PER_WORD):
            rank, fraction = next_digit(fraction, NUM_RANKS)
            cards.append(jnp.minimum(rank + 1, 10))
    return jnp.stack(cards[:num])


def _has_usable_ace(
    total: Int32[Array, ""], has_ace: Bool[Array, ""]
) -> Bool[Array, ""]:
    return has_ace & (total + 10 <= 21)


def _value(total: Int32[Array, ""], has_ace: Bool[Array, ""]) -> Int32[Array, ""]:
    return total + jnp.where(_has_usable_ace(total, has_ace), 10, 0)


def _score(total: Int32[Array, ""], has_ace: Bool[Array, ""]) -> Int32[Array, ""]:
    return jnp.where(total > 21, 0, _value(total, has_ace))


def _is_natural(
    total: Int32[Array, ""], has_ace: Bool[Array, ""], num_cards: Int32[Array, ""]
) -> Bool[Array, ""]:
    return has_ace & (total == 11) & (num_cards == 2)
