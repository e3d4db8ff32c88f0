#!/usr/bin/env python3
"""Hold tests/golden/wire_vectors.txt against docs/protocol.md, without any of our C.

The decoder below knows protobuf's wire format and reads fields, types and limits from the
tables of the page. With the path of build/tests/test_vectors as an argument it also sends
thousands of encodings, most of them wrong at one place, to both implementations and compares
their verdicts. Signatures are checked by verify/gemel_verify.py's Ed25519, which is not ours in C.
"""
import base64
import hashlib
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "verify"))
from gemel_verify import signature_holds  # noqa: E402
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Refused(Exception):
    pass


def number(text):
    """'2^64 - 1', '1e-30', '1048576' as Python numbers."""
    value = re.fullmatch(r"2\^(\d+)( - 1)?", text)
    if value:
        return 2 ** int(value[1]) - (1 if value[2] else 0)
    return float(text) if "." in text or "e" in text else int(text)


def read_shapes(page):
    """{shape: (size_max, [(id, name, type, limits)])} from section 3."""
    shapes = {}
    for title, size, table in re.findall(
            r"\*\*(\w+)\*\*, at most (\d+) bytes\n\n(.*?)\n\n", page, re.S):
        rows = []
        for row in table.split("\n")[2:]:
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            limits = cells[3].replace(" bytes", "")
            if limits == "any positive normal number":
                limits = (sys.float_info.min, sys.float_info.max)
            else:
                numbers = re.findall(r"2\^\d+(?: - 1)?|\d[\d.]*(?:e-?\d+)?", limits)
                limits = tuple(number(text) for text in numbers)
            rows.append((int(cells[0]), cells[1], cells[2], limits))
        shapes[title] = (int(size), rows)
    return shapes


SHAPES = read_shapes((ROOT / "docs/protocol.md").read_text(encoding="utf-8"))
FORBIDDEN = {*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200B, 0x200E, 0x200F, 0xFEFF,
             *range(0x2028, 0x202F), *range(0x2060, 0x2070)}


EDGE_LETTERS = [code for low in (0x1F, 0x7E, 0x9F, 0x61B, 0x2027, 0x202E, 0x205F, 0x206F, 0xFEFE)
                for code in range(low, low + 3)] + [*range(0x200A, 0x2011), 0xD7FF, 0x10FFFF]


def require(holds, what):
    if not holds:
        raise Refused(what)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        require(size <= len(self.data) - self.at, "cut short")
        self.at += size
        return self.data[self.at - size:self.at]

    def varint(self):
        value = 0
        for count in range(10):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * count
            if byte < 0x80:
                require(byte or not count, "longer than needed")
                require(value < 1 << 64, "more than 64 bits")
                return value
        raise Refused("more than ten bytes")


def check_text(data):
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not UTF-8")
    require(not FORBIDDEN & {ord(letter) for letter in text}, "not plain text")
    return text


def check_address(data):
    text = check_text(data)
    parts = re.fullmatch(r"tcp://(.*):([0-9]{1,5})", text)
    require(parts, "no address")
    host, port = parts[1], parts[2]
    plain = re.fullmatch(r"[A-Za-z0-9.-]{1,253}", host) and host[0] not in ".-"
    six = re.fullmatch(r"\[[0-9A-Fa-f:.]+\]", host) and ":" in host
    require((plain or six) and port[0] != "0" and int(port) <= 65535, "no address")


WIRE_TYPES = {"u32": 0, "u64": 0, "double": 1}
LISTS = {"keys", "runs", "members"}
EMPTY = LISTS | {"words", "doubles"}


def check_reals(data, low, high):
    for (value,) in struct.iter_unpack("<d", data):
        require(low <= value <= high, "out of range")


def check_run(kind, limits, data):
    """One length-delimited field or item; for members, its key."""
    if kind in ("words", "doubles"):
        require(data and len(data) % 8 == 0 and len(data) // 8 <= limits[0], "count")
        if kind == "doubles":
            check_reals(data, *limits[1:])
    elif kind == "keys":
        require(len(data) == 32, "length")
    elif kind == "runs":
        require(limits[1] <= len(data) <= limits[2], "length")
    elif kind == "members":
        return decode("Member", data)["key"]
    else:
        require(limits[0] <= len(data) <= limits[-1], "length")
        if kind == "text":
            check_text(data)
        if kind == "address":
            check_address(data)
    return data


def decode(shape, data):
    """{name: value} of the one encoding, or Refused."""
    size_max, rows = SHAPES[shape]
    require(len(data) <= size_max, "too large")
    reader, fields, at = Reader(data), {}, 0
    while reader.at < len(data):
        tag = reader.varint()
        while at < len(rows) and rows[at][0] != tag >> 3:
            _, name, kind, _ = rows[at]
            require(name in fields or kind in EMPTY, name + " is missing")
            at += 1
        require(at < len(rows), "unknown or misplaced field")
        _, name, kind, limits = rows[at]
        require(tag & 7 == WIRE_TYPES.get(kind, 2), "wire type")
        require(name not in fields or kind in LISTS, "twice")
        if kind == "double":
            fields[name] = reader.take(8)
            check_reals(fields[name], *limits)
        elif kind in WIRE_TYPES:
            fields[name] = reader.varint()
            require(limits[0] <= fields[name] <= limits[1], "out of range")
        else:
            item = check_run(kind, limits, reader.take(reader.varint()))
            if kind in LISTS:
                items = fields.setdefault(name, [])
                require(len(items) < limits[0], "too many")
                require(kind == "runs" or not items or items[-1] < item, "order")
                items.append(item)
            else:
                fields[name] = item
    for _, name, kind, _ in rows[at:]:
        require(name in fields or kind in EMPTY, name + " is missing")
    return fields


def holds(shape, data):
    try:
        decode(shape, data)
        return True
    except Refused:
        return False


# --- the examples ---------------------------------------------------------------------------


def field(data):
    return struct.pack("<I", len(data)) + data


def blake(tag, data):
    return hashlib.blake2b(field(tag.encode()) + field(data), digest_size=32).hexdigest()


def fingerprint(keys):
    bits = int(blake("gemel/fingerprint/1", keys)[:40], 16)
    letters = "".join(ALPHABET[bits >> 155 - 5 * i & 31] for i in range(32))
    return "-".join(letters[i:i + 4] for i in range(0, 32, 4))


def check_signature(key, tag, data, signature):
    message = field(tag.encode()) + field(data)
    assert signature_holds(key, message, signature)
    assert not signature_holds(key, message + b"\0", signature)


def check_signed(example):
    data = bytes.fromhex(example["bytes"])
    outer = decode("Signed", data)
    inner = decode(example["shape"], outer["object"])
    assert blake(example["hash_tag"], outer["object"]) == example["hash"]
    if "body" in example:
        decode(example["body"], inner["body"])
        assert inner["sender"].hex() == example["key"]
    if "file" in example:
        body = base64.b64encode(data).decode()
        lines = [body[i:i + 64] for i in range(0, len(body), 64)]
        label = "GEMEL " + example["label"]
        text = "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])
        assert bytes.fromhex(example["file"]) == text.encode()
    check_signature(bytes.fromhex(example["key"]), example["tag"], outer["object"],
                    outer["signature"])


def check_phases(example):
    """Section 2, "Other hashes": every hash of an attempt from what it is over."""
    part = {name: bytes.fromhex(value) for name, value in example.items()
            if name not in ("runs", "numbers")}
    runs = b"".join(field(bytes.fromhex(run)) for run in example["runs"].split())
    keys = [part["keys"][i:i + 32] for i in range(0, 96, 32)]
    numbers = [int(text) for text in example["numbers"].split()]
    plan = field(part["plan"])
    assert blake("SA1/b1", runs) == example["h1"]
    assert blake("SA1/parcels", runs) == example["parcels"]
    dealt = plan + field(part["h1"]) + b"".join(map(field, keys))
    assert blake("SA1/u2", dealt) == example["h2"]
    assert blake("SA1/vector", struct.pack(f"<{len(numbers)}Q", *numbers)) == example["vector"]
    survived = plan + field(part["h1"]) + field(part["h2"]) + field(keys[0]) + \
        field(part["vector_hashes"]) + field(keys[1]) + field(part["and"])
    assert blake("SA1/u3", survived) == example["h3"]
    assert blake("SA1/graph", plan + field(part["seeds"]) + field(part["then"])) == \
        example["graph"]
    opened = field(part["study"]) + field(keys[0]) + field(part["seeds"])
    assert blake("SA1/seed", opened) == example["commitment"]


def check_heads(example):
    """Section 3, "Reply": what a member signs of its chain and ledger, and how it is repeated."""
    part = {name: bytes.fromhex(value) for name, value in example.items() if name != "lengths"}
    chain, ledger = (struct.pack("<Q", int(text)) for text in example["lengths"].split())
    heads = part["bytes"]
    assert len(heads) == 240
    key, rest = heads[:32], heads[32:]
    assert rest[:40] == chain + part["chain_head"]
    assert rest[104:144] == ledger + part["ledger_head"]
    check_signature(key, "gemel/chain-head/1", part["study"] + rest[:40], rest[40:104])
    check_signature(key, "gemel/ledger-head/1", rest[104:144], rest[144:])


def check_example(kind, example):
    if kind == "signed":
        check_signed(example)
    elif kind == "phases":
        check_phases(example)
    elif kind == "heads":
        check_heads(example)
    elif kind == "encoding":
        decode(example["shape"], bytes.fromhex(example["bytes"]))
    elif kind == "consortium":
        names = field(example["name"].encode()) + field(bytes.fromhex(example["key"]))
        assert blake("gemel/consortium/1", names) == example["hash"]
    elif kind == "fingerprint":
        assert fingerprint(bytes.fromhex(example["keys"])) == example["text"]
    elif kind == "sum":
        numbers = [int(text) for text in example["numbers"].split()]
        assert blake("gemel/sum/1", struct.pack(f"<{len(numbers)}Q", *numbers)) == example["hash"]
    else:
        raise AssertionError("an example of an unknown kind: " + kind)


def read_examples():
    examples = []
    for line in (ROOT / "tests/golden/wire_vectors.txt").read_text().split("\n"):
        if line.startswith("["):
            examples.append((line.strip("[]"), {}))
        elif line and not line.startswith("#"):
            name, value = line.split(" ", 1)
            examples[-1][1][name] = value
    return examples


# --- wrong at one place ----------------------------------------------------------------------


def varint(value):
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def pieces(data):
    """The fields of an encoding: (id, wire type, payload)."""
    reader, out = Reader(data), []
    while reader.at < len(data):
        tag = reader.varint()
        if tag & 7 == 0:
            payload = reader.varint()
        else:
            payload = reader.take(8 if tag & 7 == 1 else reader.varint())
        out.append((tag >> 3, tag & 7, payload))
    return out


def join(fields):
    out = b""
    for number_, kind, payload in fields:
        out += varint(number_ << 3 | kind)
        out += varint(payload) if kind == 0 else payload if kind == 1 else \
            varint(len(payload)) + payload
    return out


def edges(shape, data):
    """Every number just inside and outside its limits, every run shorter and longer, every
    field left out, doubled and exchanged with the next."""
    limits = {row[0]: row for row in SHAPES[shape][1]}
    fields = pieces(data)
    for i, (number_, kind, payload) in enumerate(fields):
        _, _, typ, bounds = limits[number_]
        before, after = fields[:i], fields[i + 1:]
        others = []
        if kind == 0:
            others = [bounds[0] - 1, bounds[0], bounds[1], bounds[1] + 1, 2 ** 64 - 1]
            others = [value for value in others if 0 <= value < 2 ** 64]
        elif kind == 1:
            reals = [bounds[0], bounds[1], 0.0, -0.0, -bounds[0], bounds[0] * 0.99,
                     bounds[1] * 1.01, float("inf"), float("nan")]
            others = [struct.pack("<d", value) for value in reals]
        else:
            others = [payload[:-1], payload + b"a", b"", payload[:1], b"a" * 64, b"\x7f",
                      "\u202e".encode(), "\u00e4".encode(), b"\xc0\x80"]
            if typ == "doubles":
                others += [struct.pack("<d", value) for value in (1e-3, 9e-4, 0, 524288, 524289)]
            if typ in ("bytes", "text", "runs"):
                others += [b"a" * bounds[-1], b"a" * (bounds[-1] + 1)]
            if typ == "text":
                others += [chr(code).encode() for code in EDGE_LETTERS]
            if typ == "address":
                others += [b"tcp://[::1]:1", b"tcp://a:65536", b"tcp://a:01", b"udp://a:1",
                           b"tcp://*:1", b"tcp://.a:1", b"tcp://" + b"a" * 253 + b":1",
                           b"tcp://" + b"a" * 254 + b":1"]
        yield join(before + after)
        yield join(before + [fields[i], fields[i]] + after)
        if after:
            yield join(before + [after[0], fields[i]] + after[1:])
        for other in others:
            yield join(before + [(number_, kind, other)] + after)
        if typ in ("runs", "words", "keys"):
            rest = [f for f in fields if f[0] > number_]
            start = [f for f in fields if f[0] < number_]
            for count in (bounds[0], bounds[0] + 1):
                items = [k.to_bytes(32, "big") for k in range(count)] if typ == "keys" \
                    else [b"a" * bounds[1]] * count if typ == "runs" else [bytes(8 * count)]
                yield join(start + [(number_, 2, item) for item in items] + rest)


def scrambled(data, count):
    for _ in range(count if data else 0):
        changed = bytearray(data)
        at = random.randrange(len(changed))
        what = random.randrange(4)
        if what == 0:
            changed[at] ^= 1 << random.randrange(8)
        elif what == 1:
            changed[at] = random.randrange(256)
        elif what == 2:
            del changed[at:at + random.randrange(1, 5)]
        else:
            changed[at:at] = changed[max(0, at - random.randrange(40)):at + random.randrange(1, 40)]
        yield bytes(changed)


def compare(program, examples):
    random.seed(7)
    cases = []
    for kind, example in examples:
        if kind == "encoding":
            shape, data = example["shape"], bytes.fromhex(example["bytes"])
            cases += [(shape, data) for data in edges(shape, data)]
            cases += [(shape, data) for data in scrambled(data, 400)]
    text = "".join(f"{shape} {data.hex()}\n" for shape, data in cases)
    answers = subprocess.run([program, "--judge"], input=text, text=True, check=True,
                             stdout=subprocess.PIPE).stdout.split()
    assert len(answers) == len(cases)
    taken = 0
    for (shape, data), answer in zip(cases, answers):
        taken += answer == "yes"
        if holds(shape, data) != (answer == "yes"):
            sys.exit(f"the two differ about a {shape}: {data.hex()[:2000]} (ours says {answer})")
    print(f"{len(cases)} encodings judged alike, {taken} of them good")


def check_names():
    """The page and the .proto file list the same fields."""
    proto = (ROOT / "proto/gemel.proto").read_text(encoding="utf-8")
    seen = {}
    for title, body in re.findall(r"message (\w+) \{(.*?)\n\}", proto, re.S):
        seen[title] = [(int(n), name) for name, n in
                       re.findall(r"(?:required|repeated) \w+ (\w+) = (\d+)", body)]
    assert seen == {title: [row[:2] for row in rows] for title, (_, rows) in SHAPES.items()}


def main():
    check_names()
    examples = read_examples()
    for index, (kind, example) in enumerate(examples):
        try:
            check_example(kind, example)
        except (Refused, AssertionError) as problem:
            sys.exit(f"example {index} ({kind} {example.get('shape', '')}): {problem!r}")
    print(f"{len(examples)} examples hold")
    if len(sys.argv) > 1:
        compare(sys.argv[1], examples)


main()
