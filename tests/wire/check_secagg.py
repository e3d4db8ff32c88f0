#!/usr/bin/env python3
"""A second implementation of secure aggregation, from the headers of the privacy floor and
docs/protocol.md.

It makes the attempt of tests/golden/secagg_vectors.txt again, from its seed, and compares
every line. It shares no code with the house and needs nothing but Python: BLAKE2b is
hashlib's, ChaCha20, Poly1305, X25519 and Shamir's shares are written out below from RFC
8439, RFC 7748 and draft-irtf-cfrg-xchacha. A later step of the protocol is one function more
at the end of STEPS.
"""
import hashlib
import struct
import sys
from pathlib import Path

VECTORS = Path(__file__).resolve().parents[1] / "golden/secagg_vectors.txt"
MEMBERS, THRESHOLD, DROPPED, DIM = 4, 3, 2, 5
L = 2 ** 252 + 27742317777372353535851937790883648493
P = 2 ** 255 - 19


def integer(data):
    return int.from_bytes(data, "little")


def scalar(number):
    return (number % L).to_bytes(32, "little")


# --- ChaCha20 (RFC 8439) and HChaCha20 ---


def rounds(words):
    s = list(words)

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = s[x] + s[y] & 0xFFFFFFFF
            s[z] ^= s[x]
            s[z] = (s[z] << turn | s[z] >> 32 - turn) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return s


def words_of(key, rest):
    return [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key),
            *struct.unpack("<4I", rest)]


def keystream(key, size, nonce=bytes(12), counter=0):
    out = b""
    while len(out) < size:
        start = words_of(key, struct.pack("<I", counter) + nonce)
        out += struct.pack("<16I", *(a + b & 0xFFFFFFFF for a, b in zip(start, rounds(start))))
        counter += 1
    return out[:size]


def hchacha(key, nonce):
    end = rounds(words_of(key, nonce))
    return struct.pack("<8I", *end[:4], *end[12:])


class Stream:
    """privacy/random with a seed: blocks of 32 KiB, whose first 32 bytes are the next seed."""

    def __init__(self, seed):
        self.seed, self.data = seed, b""

    def take(self, size):
        assert size % 8 == 0
        while len(self.data) < size:
            block = keystream(self.seed, 32768)
            self.seed, self.data = block[:32], self.data + block[32:]
        taken, self.data = self.data[:size], self.data[size:]
        return taken


# --- XChaCha20-Poly1305 ---


def poly1305(key, data):
    r, total = integer(key[:16]) & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF, 0
    for i in range(0, len(data), 16):
        total = (total + integer(data[i:i + 16] + b"\1")) * r % (2 ** 130 - 5)
    return (total + integer(key[16:]) & 2 ** 128 - 1).to_bytes(16, "little")


def padded(data):
    return data + bytes(-len(data) % 16)


def sealed(key, nonce, label, plain):
    inner, rest = hchacha(key, nonce[:16]), bytes(4) + nonce[16:]
    stream = keystream(inner, len(plain), rest, 1)
    cipher = bytes(a ^ b for a, b in zip(plain, stream))
    sizes = struct.pack("<QQ", len(label), len(cipher))
    tag = poly1305(keystream(inner, 32, rest), padded(label) + padded(cipher) + sizes)
    return nonce + cipher + tag


# --- X25519 (RFC 7748 section 5) ---


def x25519(secret, point):
    k = integer(secret) & 2 ** 254 - 8 | 2 ** 254
    u = integer(point) & 2 ** 255 - 1
    x2, z2, x3, z3 = 1, 0, u, 1
    for t in reversed(range(255)):
        bit = k >> t & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        x3, z3 = (d * a + c * b) ** 2 % P, u * (d * a - c * b) ** 2 % P
        aa, bb = a * a % P, b * b % P
        x2, z2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


BASE = (9).to_bytes(32, "little")


# --- hashes of fields ---


def fields(*parts):
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def blake(*parts, key=b""):
    return hashlib.blake2b(fields(*parts), digest_size=32, key=key).digest()


# --- the attempt ---


class Attempt:
    def __init__(self, published):
        self.published, self.lines = published, {}
        self.stream = Stream(self.given("seed"))

    def given(self, name):
        self.lines[name] = self.published[name]
        return self.lines[name]

    def put(self, name, value):
        self.lines[name] = value
        return value

    def of(self, member, name):
        return self.lines[f"member{member}.{name}"]

    def place(self):
        return self.lines["context"], self.lines["bundle"]


def members(attempt):
    """Identities are Ed25519 keys of drawn secrets: taken as given."""
    attempt.stream.take(64 * MEMBERS)
    keys = [attempt.given(f"member{i}.identity") for i in range(MEMBERS)]
    assert keys == sorted(keys)
    attempt.put("context", attempt.stream.take(32))
    attempt.put("bundle", attempt.stream.take(32))


def keys(attempt):
    for i in range(MEMBERS):
        who = f"member{i}."
        mask = attempt.put(who + "mask_scalar", scalar(integer(attempt.stream.take(64))))
        own = attempt.put(who + "self_scalar", scalar(integer(attempt.stream.take(64))))
        secret = attempt.put(who + "mask_secret", blake(b"SA1/mask-sk", key=mask))
        attempt.put(who + "mask_key", x25519(secret, BASE))
        secret = attempt.put(who + "seal_secret", attempt.stream.take(32))
        attempt.put(who + "seal_key", x25519(secret, BASE))
        attempt.put(who + "commitment", blake(b"SA1/cb", attempt.lines["context"],
                                              attempt.of(i, "identity"), own))


def shares(attempt):
    for i in range(MEMBERS):
        for what in ("mask", "self"):
            polynomial = [integer(attempt.of(i, what + "_scalar"))]
            polynomial += [integer(attempt.stream.take(64)) for _ in range(THRESHOLD - 1)]
            for j in range(MEMBERS):
                value = sum(c * (j + 1) ** k for k, c in enumerate(polynomial))
                attempt.put(f"member{i}.{what}_share{j}", scalar(value))


def parcels(attempt):
    for i in range(MEMBERS):
        for j in range(MEMBERS):
            if i == j:
                continue
            both = *attempt.place(), attempt.of(i, "identity"), attempt.of(j, "identity")
            ends = attempt.of(i, "seal_key"), attempt.of(j, "seal_key")
            agreed = x25519(attempt.of(i, "seal_secret"), ends[1])
            assert agreed == x25519(attempt.of(j, "seal_secret"), ends[0])
            key = blake(b"SA1/enc", *both, *ends, key=agreed)
            plain = struct.pack("<H", j + 1) + attempt.of(i, f"mask_share{j}") + \
                attempt.of(i, f"self_share{j}") + attempt.stream.take(104)
            attempt.put(f"parcel.{i}.{j}", sealed(key, attempt.stream.take(24),
                                                  fields(b"SA1/share", *both), plain))


def seeds(attempt):
    for i in range(MEMBERS):
        attempt.put(f"member{i}.self_seed",
                    blake(b"SA1/self", *attempt.place(), attempt.of(i, "identity"),
                          key=attempt.of(i, "self_scalar")))
        for j in range(i + 1, MEMBERS):
            agreed = x25519(attempt.of(i, "mask_secret"), attempt.of(j, "mask_key"))
            attempt.put(f"pair.{i}.{j}",
                        blake(b"SA1/pair", *attempt.place(), attempt.of(i, "identity"),
                              attempt.of(j, "identity"), attempt.of(i, "mask_key"),
                              attempt.of(j, "mask_key"), key=agreed))


def words(data):
    return struct.unpack(f"<{DIM}Q", data)


def packed(numbers):
    return struct.pack(f"<{DIM}Q", *(n % 2 ** 64 for n in numbers))


def plus(numbers, seed, sign):
    return [a + sign * b for a, b in zip(numbers, words(keystream(seed, 8 * DIM)))]


def masked(attempt):
    for i in range(MEMBERS):
        numbers = words(attempt.put(f"member{i}.input", attempt.stream.take(8 * DIM)))
        numbers = plus(numbers, attempt.of(i, "self_seed"), 1)
        for j in range(MEMBERS):
            if i != j:
                seed = attempt.lines[f"pair.{min(i, j)}.{max(i, j)}"]
                numbers = plus(numbers, seed, 1 if i < j else -1)
        attempt.put(f"member{i}.masked", packed(numbers))


def joined(attempt, member, what):
    """Lagrange at 0 from those who did not drop."""
    points = [j + 1 for j in range(MEMBERS) if j != DROPPED]
    total = 0
    for x in points:
        factor = 1
        for y in points:
            if y != x:
                factor = factor * y * pow(y - x, L - 2, L) % L
        total += factor * integer(attempt.of(member, f"{what}_share{x - 1}"))
    return scalar(total)


def total(attempt):
    """Off with the self masks of the rest and with what the dropped one left behind."""
    rest = [i for i in range(MEMBERS) if i != DROPPED]
    numbers = [sum(column) for column in zip(*(words(attempt.of(i, "masked")) for i in rest))]
    for i in rest:
        own = joined(attempt, i, "self")
        seed = blake(b"SA1/self", *attempt.place(), attempt.of(i, "identity"), key=own)
        numbers = plus(numbers, seed, -1)
    secret = blake(b"SA1/mask-sk", key=joined(attempt, DROPPED, "mask"))
    assert x25519(secret, BASE) == attempt.of(DROPPED, "mask_key")
    for i in rest:
        seed = attempt.lines[f"pair.{min(i, DROPPED)}.{max(i, DROPPED)}"]
        numbers = plus(numbers, seed, -1 if i < DROPPED else 1)
    assert packed(numbers) == packed(
        sum(column) for column in zip(*(words(attempt.of(i, "input")) for i in rest)))
    attempt.put(f"sum_without{DROPPED}", packed(numbers))


STEPS = [members, keys, shares, parcels, seeds, masked, total]


def main():
    published = {}
    for line in VECTORS.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            name, value = line.split(" = ")
            assert name not in published, "twice: " + name
            published[name] = bytes.fromhex(value)
    attempt = Attempt(published)
    for step in STEPS:
        step(attempt)
    for name in sorted({*published, *attempt.lines}):
        if published.get(name) != attempt.lines.get(name):
            sys.exit(f"the two differ about {name}")
    print(f"{len(published)} lines made again")


main()
