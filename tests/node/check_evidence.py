#!/usr/bin/env python3
"""Hold verify/gemel_verify.py to what it promises.

    check_evidence.py build/tests/test_node_evidence

An export made by the node's own code holds, its figures are the node's; and every single byte of
it changed is refused, with the entry named in whose line the byte is. So are lines taken out,
doubled and exchanged, arbitrary damage, and a file that an older one is not the beginning of.
"""
import importlib.util
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("gemel_verify", ROOT / "verify/gemel_verify.py")
verifier = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(verifier)
failures = 0


def expect(holds, sentence):
    global failures
    if not holds:
        failures += 1
        print("check_evidence: " + sentence)


def refusal(data):
    """Why the file is refused; None when it is not."""
    try:
        verifier.verify(data)
    except verifier.Refused as refused:
        return str(refused)
    return None


def names_of(lines):
    """What a refusal must say when something within a line was changed."""
    number = audit = 0
    for line in lines:
        if line.startswith('{"audit": '):
            audit += 1
            yield "audit entry %d" % audit
        elif line.startswith('{"ledger": '):
            number = int(line.split()[1].strip(","))
            yield "ledger entry %d" % number
        elif line.startswith('{"charged": '):
            yield "ledger entry %d" % number
        elif line.startswith('{"reanchor": '):
            due = int(line.split()[1].strip(","))
            yield "after ledger entry %d|ledger entry %d,|ledger entry %d (" % (
                number, due, number + 1)
            number = due
        elif line.startswith(('{"claimed": ', '{"officer": ')):
            yield "re-anchoring"
        elif line.startswith('{"signature": '):
            yield "signature"
        else:
            yield ""  # the first line: whatever does not agree with it


def check_every_byte(data):
    at = 0
    for line, name in zip(data.splitlines(keepends=True), names_of(data.decode().splitlines())):
        for place in range(at, at + len(line)):
            changed = bytes((data[place] ^ 1 << place % 8,))
            said = refusal(data[:place] + changed + data[place + 1:])
            expect(said is not None, "byte %d changed and taken" % place)
            expect(said is None or any(part in said for part in name.split("|")),
                   "byte %d is in %s, refused as: %s" % (place, name or "line 1", said))
        at += len(line)
    return at


def check_lines(data):
    lines = data.splitlines(keepends=True)
    for i in range(len(lines)):
        for changed in (lines[:i] + lines[i + 1:], lines[:i] + lines[i:i + 1] + lines[i:],
                        lines[:i] + lines[i + 1:i + 2] + lines[i:i + 1] + lines[i + 2:]):
            if changed != lines:
                expect(refusal(b"".join(changed)), "line %d moved and taken" % (i + 1))
    expect(refusal(b""), "an empty file taken")
    expect(refusal(data[:-1]), "a file without its last byte taken")


def check_mutations(files, count):
    """Arbitrary damage, many bytes at once, pieces of one file in another: refused with a
    sentence, never an exception of another kind, never taken."""
    draw = random.Random(1)
    for number in range(count):
        sound = draw.choice(files)
        data = bytearray(sound)
        for _ in range(draw.randint(1, 5)):
            at = draw.randrange(len(data) + 1)
            end = min(len(data), at + int(draw.expovariate(0.02)))
            other = draw.choice(files)
            start = draw.randrange(len(other))
            data[at:end] = draw.choice((
                b"", bytes(draw.randrange(256) for _ in range(draw.randint(1, 9))),
                other[start:start + draw.randint(1, 300)],
                draw.choice((b"NaN", b"-1", b"1e999", b"18446744073709551616", b"[[[[", b"null"))))
        data = bytes(data)
        try:
            verifier.verify(data)
            expect(data == sound, "mutation %d taken" % number)
        except verifier.Refused:
            pass
    deep = b'{"format": ' + b"[" * 100000 + b"\n" + b"x\n{}\n"
    expect(refusal(deep), "a deep line taken")


def check_signatures():
    """Section 7.1 of RFC 8032, tests 1 to 3."""
    for key, message, signature in (
            ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
             "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
            ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
             "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
             "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
            ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
             "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")):
        key, message, signature = map(bytes.fromhex, (key, message, signature))
        expect(verifier.signature_holds(key, message, signature), "RFC 8032 does not hold")
        expect(not verifier.signature_holds(key, message + b"x", signature), "any message holds")
        for bit in range(512):
            wrong = bytearray(signature)
            wrong[bit // 8] ^= 1 << bit % 8
            if bit % 37 == 0:
                expect(not verifier.signature_holds(key, message, bytes(wrong)), "bit %d" % bit)


def check_command(path, data, folder):
    """What an officer types."""
    command = [sys.executable, str(ROOT / "verify/gemel_verify.py")]
    said = subprocess.run(command + [path], capture_output=True, text=True)
    expect(said.returncode == 0 and "signature  holds" in said.stdout, said.stderr)
    other = Path(folder, "other")
    other.write_bytes(data.replace(b"it left", b"it LEFT", 1))
    said = subprocess.run(command + [str(other)], capture_output=True, text=True)
    expect(said.returncode == 6 and "audit entry" in said.stderr, "exit code %d" % said.returncode)
    said = subprocess.run(command + [path, "--identity", "another"], capture_output=True)
    expect(said.returncode == 6, "a stranger's identity taken")
    said = subprocess.run(command + [path, "--before", path], capture_output=True)
    expect(said.returncode == 0, "a file does not continue itself")
    said = subprocess.run(command + [str(Path(folder, "none"))], capture_output=True)
    expect(said.returncode == 4, "exit code %d without a file" % said.returncode)


def check_continued(path, older):
    """A later export continues an older one, under another key only if the record names it."""
    for ending, wanted in ((".named", None), (".unnamed", "the older file is another node's")):
        file, said = verifier.verify(Path(path + ending).read_bytes()), None
        try:
            verifier.check_before(file, older)
        except verifier.Refused as refused:
            said = str(refused)
        expect(said == wanted, "continued by %s: %s" % (ending, said))
    try:
        verifier.check_before(older, verifier.verify(Path(path + ".named").read_bytes()))
        expect(False, "a shorter record continues a longer one")
    except verifier.Refused:
        pass


def check_figures(data, said, patients):
    file = verifier.verify(data)
    mu, epsilon = file.loss(file.most(), 1e-6)
    expect(abs(mu / said[0] - 1) < 1e-12, "mu %.17g, the node says %.17g" % (mu, said[0]))
    expect(abs(epsilon / said[1] - 1) < 1e-8,
           "epsilon %.17g, the node says %.17g" % (epsilon, said[1]))
    expect(len(file.spent) == patients, "%d patients" % len(file.spent))
    return file


def check_forged(data):
    """Whoever has the node's key can hash and sign a re-anchoring anew, but not as two officers:
    the verifier's own check of their signatures, with every hash right."""
    file = verifier.File(data)
    file.check_officers()
    for bit in range(0, 512, 61):
        officer = file.reanchors[0]["officers"][1]
        sound = officer["signature"]
        wrong = bytearray(sound)
        wrong[bit // 8] ^= 1 << bit % 8
        officer["signature"] = bytes(wrong)
        try:
            file.check_officers()
            expect(False, "an officer's signature changed and taken")
        except verifier.Refused as refused:
            expect("ledger entry 5" in str(refused), "refused as: %s" % refused)
        officer["signature"] = sound
    file.reanchors[0]["officers"][1] = file.reanchors[0]["officers"][0]
    try:
        file.check_officers()
        expect(False, "one officer taken for two")
    except verifier.Refused:
        pass


def main():
    check_signatures()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "export"))
        made = subprocess.run([sys.argv[1], "write", path], capture_output=True, text=True,
                              check=True)
        said = [tuple(map(float, line.split())) for line in made.stdout.splitlines()]
        data, reanchored = (Path(path + end).read_bytes() for end in ("", ".reanchored"))
        file = check_figures(data, said[0], 5)
        check_figures(reanchored, said[1], 7)
        count = check_every_byte(data) + check_every_byte(reanchored)
        check_lines(data)
        check_lines(reanchored)
        check_forged(reanchored)
        check_mutations([data, reanchored], 3000)
        check_command(path, data, folder)
        check_continued(path, file)
    print("%d bytes changed, %d failures" % (count, failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
