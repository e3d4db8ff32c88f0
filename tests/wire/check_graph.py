#!/usr/bin/env python3
"""Draw the rings of tests/golden/graph_rings.csv again by the rule of include/wire/graph.h, and
weigh the rows of tests/golden/graph_parameters.csv again in whole numbers, without any of our C.

    check_graph.py            compares; `check_graph.py --print FILE` prints the table FILE
"""
import csv
import hashlib
import struct
import sys
from fractions import Fraction
from math import comb
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "tests/golden"


# --- ChaCha20 (RFC 8439, section 2.3), nonce 0 -------------------------------------------------


def quarter(s, a, b, c, d):
    for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & 0xFFFFFFFF
        s[z] ^= s[x]
        s[z] = (s[z] << turn | s[z] >> (32 - turn)) & 0xFFFFFFFF


def words(key):
    """The keystream as little-endian 64-bit words."""
    counter = 0
    while True:
        start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key),
                 counter, 0, 0, 0]
        state = start[:]
        for _ in range(10):
            for column in range(4):
                quarter(state, column, 4 + column, 8 + column, 12 + column)
            for row in range(4):
                quarter(state, row, 4 + (row + 1) % 4, 8 + (row + 2) % 4, 12 + (row + 3) % 4)
        yield from struct.unpack("<8Q", struct.pack(
            "<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(state, start))))
        counter += 1


def check_chacha():
    # RFC 8439, appendix A.1, test vector 1.
    block = struct.pack("<2Q", *(w for w, _ in zip(words(bytes(32)), range(2))))
    assert block.hex() == "76b8e0ada0f13d90405d6ae55386bd28"


# --- rings -------------------------------------------------------------------------------------


def ring_of(count, seed):
    stream, ring = words(seed), list(range(count))
    for i in range(count - 1, 0, -1):
        j = next(w for w in (w % 2 ** i.bit_length() for w in stream) if w <= i)
        ring[i], ring[j] = ring[j], ring[i]
    return ring


def neighbours_of(count, degree, seed):
    ring, found = ring_of(count, seed), [None] * count
    for at, member in enumerate(ring):
        near = [ring[(at + step) % count] for step in range(-degree // 2, degree // 2 + 1) if step]
        found[member] = sorted(near)
    return found


def ring_rows():
    for count, degree, name in ((10, 4, b"a"), (10, 8, b"b"), (4, 2, b"c"), (7, 2, b"d"),
                                (300, 100, b"e"), (257, 84, b"f"), (1024, 312, b"g")):
        seed = hashlib.sha256(b"graph " + name).digest()
        near = neighbours_of(count, degree, seed)
        flat = struct.pack(f"<{count * degree}I", *(n for row in near for n in row))
        tagged = struct.pack("<I", 5) + b"graph" + struct.pack("<I", len(flat)) + flat
        yield {"count": count, "degree": degree, "seed": seed.hex(),
               "first": " ".join(str(n) for n in near[0][:8]),
               "hash": hashlib.blake2b(tagged, digest_size=32).hexdigest()}


# --- parameters --------------------------------------------------------------------------------


def tail(count, marked, draws, least):
    """P[at least `least` of `draws` places hold one of `marked`], as a fraction."""
    draws = min(draws, count)
    if least <= 0:
        return Fraction(1)
    return Fraction(sum(comb(marked, x) * comb(count - marked, draws - x)
                        for x in range(least, min(marked, draws) + 1)), comb(count, draws))


def suffices(n, c, d, k, t):
    return (n * tail(n - d, c, k, t) <= Fraction(1, 2 ** 41) and
            n * tail(n, d, k, k - t + 1) <= Fraction(1, 2 ** 20))


def threshold_of(n, c, d, k):
    """More than half of degree k, or the least that will do; None where none does."""
    if Fraction(n * (n - k - 1), 2) * tail(n, c, k, k - d) > Fraction(1, 2 ** 41):
        return None
    return next((t for t in (k // 2 + 1, *range(1, k + 1)) if suffices(n, c, d, k, t)), None)


def parameter_rows():
    for n, c, d in ((60, 4, 4), (100, 3, 8), (100, 3, 46), (257, 42, 51), (300, 50, 60), (300, 5, 60),
                    (300, 50, 3), (300, 140, 3), (400, 66, 40), (512, 85, 102), (1000, 166, 200),
                    (1024, 170, 20), (1024, 1, 204), (1024, 300, 204)):
        k, t = next((k, t) for k in range(2, n - 1, 2) for t in [threshold_of(n, c, d, k)] if t)
        yield {"members": n, "colluders": c, "missing": d, "degree": k, "threshold": t}


# --- tables ------------------------------------------------------------------------------------


TABLES = {"graph_rings.csv": ring_rows, "graph_parameters.csv": parameter_rows}


def main():
    check_chacha()
    if sys.argv[1:2] == ["--print"]:
        rows = list(TABLES[sys.argv[2]]())
        writer = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return
    for name, rows_of in TABLES.items():
        stored = list(csv.DictReader((GOLDEN / name).open(encoding="ascii")))
        again = [{key: str(value) for key, value in row.items()} for row in rows_of()]
        if stored != again:
            sys.exit(f"{name} differs")
        print(f"{name}: {len(stored)} rows hold")


main()
