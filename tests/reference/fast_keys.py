"""The key implementation of `eqenvs.random.key`, in Python's own integers.

pcg3d is written from its paper (Jarzynski & Olano 2020): every word goes through the
linear congruential generator of Numerical Recipes; then each word in turn gains the
product of the other two, from one such round to the next every word being xored with
its own upper half. Two rounds are the paper's; here there are four, and a constant of
pi's digits is xored to every word between them.
"""

PI = 0x3_243F6A88_85A308D3_13198A2E_03707344_A4093822_299F31D0_082EFA98_EC4E6C89_452821E6_38D01377_BE5466CF_34E90C6C  # noqa: E501
WORD = 2**32
PURPOSES = ("bits", "split", "fold_in", "seed")


def digits_of_pi(i):
    """The i-th 32 bits of pi after the point."""
    return (PI >> (32 * (11 - i))) % WORD


def two_words(k0, k1, counter, purpose):
    v = [(1664525 * word + 1013904223) % WORD for word in (k0, k1, counter)]
    constants = [digits_of_pi(PURPOSES.index(purpose))]
    constants += [digits_of_pi(i) for i in range(4, 12)]
    for round in range(4):
        if round > 0:
            layer = constants[3 * round - 3 : 3 * round]
            v = [w ^ (w // 2**16) ^ c for w, c in zip(v, layer, strict=True)]
        for i in range(3):
            v[i] = (v[i] + v[(i + 1) % 3] * v[(i + 2) % 3]) % WORD
    return v[1], v[2]
