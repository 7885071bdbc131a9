"""Dieharder's whole battery over random words from a pipe.

    python -m benchmarks.prng.dieharder pcg3d splits

Debian's package `dieharder` has to be installed. A test that dieharder calls WEAK (one
in a hundred is, of a perfect generator) is repeated on other words and with three times
as many samples, and up to twice again while it stays WEAK. The exit status is 1 if a
test FAILED at any time or stayed WEAK. What is printed goes to `results/` too.
"""

import pathlib
import subprocess
import sys
import time
from typing import IO


RESULTS = pathlib.Path(__file__).parent / "results"
NUMBERS = {
    "diehard_birthdays": 0,
    "diehard_operm5": 1,
    "diehard_rank_32x32": 2,
    "diehard_rank_6x8": 3,
    "diehard_bitstream": 4,
    "diehard_opso": 5,
    "diehard_oqso": 6,
    "diehard_dna": 7,
    "diehard_count_1s_str": 8,
    "diehard_count_1s_byt": 9,
    "diehard_parking_lot": 10,
    "diehard_2dsphere": 11,
    "diehard_3dsphere": 12,
    "diehard_squeeze": 13,
    "diehard_sums": 14,
    "diehard_runs": 15,
    "diehard_craps": 16,
    "marsaglia_tsang_gcd": 17,
    "sts_monobit": 100,
    "sts_runs": 101,
    "sts_serial": 102,
    "rgb_bitdist": 200,
    "rgb_minimum_distance": 201,
    "rgb_permutations": 202,
    "rgb_lagged_sum": 203,
    "rgb_kstest_test": 204,
    "dab_bytedistrib": 205,
    "dab_dct": 206,
    "dab_filltree": 207,
    "dab_filltree2": 208,
    "dab_monobit2": 209,
}
TAKES_NTUP = (200, 201, 202, 203, 207, 208, 209)

Row = tuple[str, int, int, str]


def run(
    name: str, arrangement: str, first_seed: int, options: list[str], log: IO[str]
) -> list[Row]:
    """Runs dieharder; the name, ntup, psamples and assessment of every test."""
    words = subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.prng.streams"),
            *(name, arrangement, str(first_seed)),
        ],
        stdout=subprocess.PIPE,
    )
    battery = subprocess.Popen(
        ["dieharder", "-g", "200", *options],
        stdin=words.stdout,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert words.stdout is not None and battery.stdout is not None
    words.stdout.close()
    rows = []
    for line in battery.stdout:
        print(line, end="", flush=True)
        print(line, end="", file=log, flush=True)
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[0] in NUMBERS:
            rows.append((cells[0], int(cells[1]), int(cells[3]), cells[5]))
    words.terminate()
    words.wait()
    if battery.wait() != 0:
        raise SystemExit("dieharder stopped with an error.")
    return rows


def main() -> None:
    name, arrangement = sys.argv[1:]
    RESULTS.mkdir(exist_ok=True)
    start = time.time()
    with open(RESULTS / f"dieharder_{name}_{arrangement}.txt", "w") as log:

        def say(line: str) -> None:
            print(line, flush=True)
            print(line, file=log, flush=True)

        say(f"{name}, {arrangement}")
        rows = run(name, arrangement, 0, ["-a"], log)
        verdicts = [assessment for *_, assessment in rows]
        bad = verdicts.count("FAILED")
        weak = sorted({row[:3] for row in rows if row[3] == "WEAK"})
        for test, ntup, psamples in weak:
            number = NUMBERS[test]
            options = ["-d", str(number), "-p", str(3 * psamples)]
            if number in TAKES_NTUP:
                options += ["-n", str(ntup)]
            for i in range(1, 4):
                say(f"again: {test} {ntup}")
                again = run(name, arrangement, 1_000_000 * i, options, log)
                verdicts_again = {row[3] for row in again if row[1] == ntup}
                if "WEAK" not in verdicts_again:
                    break
            bad += verdicts_again != {"PASSED"}
        say(
            f"{len(rows)} results: {verdicts.count('PASSED')} passed, "
            f"{verdicts.count('WEAK')} weak, {verdicts.count('FAILED')} failed; "
            f"{bad} bad after the weak ones were repeated; "
            f"{(time.time() - start) / 60:.0f} minutes"
        )
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
