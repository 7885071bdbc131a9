"""The optimal policy of Blackjack and its exact value, for the rules of Sutton and
Barto: a natural wins against all but a natural.

A hand is its total, with every ace as 1, and whether it has an ace. The deck is
infinite, so recursion over the hands that may follow is all it takes.
"""

import functools as ft
import itertools

import numpy as np


PROBABILITIES = dict.fromkeys(range(1, 10), 1 / 13) | {10: 4 / 13}
NATURAL = [1, 10]


def value_of(total: int, has_ace: bool) -> int:
    return total + 10 if has_ace and total + 10 <= 21 else total


@ft.cache
def dealers_results(total: int, has_ace: bool) -> dict[int, float]:
    """The probabilities of the dealer's final scores. A score above 21 counts as 0."""
    if value_of(total, has_ace) >= 17:
        return {0 if total > 21 else value_of(total, has_ace): 1.0}
    results: dict[int, float] = {}
    for card, p in PROBABILITIES.items():
        for score, q in dealers_results(total + card, has_ace or card == 1).items():
            results[score] = results.get(score, 0) + p * q
    return results


def stop_value(total: int, has_ace: bool, shows: int, is_natural: bool) -> float:
    """The expected reward of stopping when the dealer shows this card."""
    score, expected = value_of(total, has_ace), 0.0
    for hidden, p in PROBABILITIES.items():
        if is_natural:
            expected += p * (sorted((shows, hidden)) != NATURAL)
            continue
        results = dealers_results(shows + hidden, 1 in (shows, hidden))
        expected += p * sum(q * np.sign(score - s) for s, q in results.items())
    return expected


@ft.cache
def best_value(total: int, has_ace: bool, shows: int) -> tuple[float, bool]:
    """The value of a hand that is not a natural, and whether to take a card."""
    if total > 21:
        return -1.0, False
    take = sum(
        p * best_value(total + card, has_ace or card == 1, shows)[0]
        for card, p in PROBABILITIES.items()
    )
    stop = stop_value(total, has_ace, shows, False)
    return max(take, stop), take > stop


def optimal_return() -> float:
    """The expected return of the optimal policy."""
    expected = 0.0
    for (a, p), (b, q), (shows, r) in itertools.product(
        PROBABILITIES.items(), repeat=3
    ):
        if sorted((a, b)) == NATURAL:
            value = stop_value(11, True, shows, True)
        else:
            value, _ = best_value(a + b, 1 in (a, b), shows)
        expected += p * q * r * value
    return expected


def optimal_actions() -> np.ndarray:
    """The action for the player's total, the dealer's card and the usable ace.

    Whether a hand of 21 is a natural does not show, but stopping is best either way.
    """
    takes = np.zeros((32, 11, 2), np.int32)
    for total, has_ace, shows in itertools.product(
        range(2, 22), (False, True), range(1, 11)
    ):
        is_usable = has_ace and total + 10 <= 21
        if has_ace == is_usable:
            index = value_of(total, has_ace), shows, int(is_usable)
            takes[index] = best_value(total, has_ace, shows)[1]
    return takes
