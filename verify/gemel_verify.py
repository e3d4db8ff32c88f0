#!/usr/bin/env python3
"""Check what `gemel-node audit export` wrote, without any of its code.

    python3 gemel_verify.py FILE [--identity FINGERPRINT] [--before OLDER_FILE] [--patients]
                            [--report REPORT] [--account JSON]

Reads the file by docs/formats.md ("Audit file") alone: every hash of the audit record and of the
privacy ledger, every release against its charge, what every patient has spent (mu exactly, epsilon
from it), and the node's signature. Names the first line that does not hold. Needs Python 3.9 and
nothing else; makes no connection and writes no file.
"""
import argparse
import hashlib
import json
import math
import re
import statistics
import struct
import sys
import time
from fractions import Fraction

EXIT = {"held": 0, "failed": 1, "usage": 2, "not there": 4, "refused": 6}
FORMAT = "gemel-audit/1"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PART = 4096  # pseudonyms in one line
HEADER = {"format": "text", "program": "text", "name": "text", "key": 32, "curve": 32,
          "written": "number", "audit_entries": "number", "audit_head": 32,
          "ledger_entries": "number", "ledger_head": 32, "ledger_included": "truth",
          "delta": "real"}
AUDIT = {"audit": "number", "wall": "number", "kind": "text", "user": "number", "study": 16,
         "round": "number", "attempt": "number", "patient": 16, "object": 32,
         "sentence": "text", "hash": 32}
LEDGER = {"ledger": "number", "study": 16, "round": "number", "attempt": "number",
          "noise_multiplier": "real", "wall": "number", "dimension": "number",
          "noise_log2": "number", "patients": "number",
          "nonce": 16, "hash": 32}
CHARGED = {"charged": "number", "part": "number", "pseudonyms": "bytes"}
REANCHOR = {"reanchor": "number", "node": 32, "issued": "number", "claims": "number", "hash": 32}
CLAIMED = {"claimed": "number", "noise_multiplier": "cost", "dimension": "number",
           "noise_log2": "number", "hash": 32}
OFFICER = {"officer": 32, "signature": 64}
SIGNATURE = {"signature": 64}
LISTED = 100  # refusals and decisions that a report tells
REFUSALS = {"refusal", "omitted", "distrust"}
DECISIONS = {"decision", "policy", "key", "settings", "consortium", "roster", "anchor", "restore",
             "backup"}


class Refused(Exception):
    """Something in the file does not hold; the sentence says what and where."""


def require(holds, sentence):
    if not holds:
        raise Refused(sentence)


# --- bytes and hashes


def field(data):
    return struct.pack("<I", len(data)) + data


def hashed(tag, data):
    return hashlib.blake2b(field(tag) + field(data), digest_size=32).digest()


def fingerprint(keys):
    bits = int.from_bytes(hashed(b"gemel/fingerprint/1", keys)[:20], "big")
    letters = [ALPHABET[bits >> 5 * i & 31] for i in reversed(range(32))]
    return "-".join("".join(letters[i:i + 4]) for i in range(0, 32, 4))


# --- Ed25519 (RFC 8032, section 5.1.7), for one signature a file: plain, not fast

P = 2 ** 255 - 19
ORDER = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def point_add(p, q):
    """Extended coordinates (X, Y, Z, T) with x = X / Z, y = Y / Z, x y = T / Z."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = point_add(total, point)
        point = point_add(point, point)
        scalar >>= 1
    return total


def point_same(p, q):
    return ((p[0] * q[2] - q[0] * p[2]) % P, (p[1] * q[2] - q[1] * p[2]) % P) == (0, 0)


def point_read(data):
    """The point that 32 bytes encode; None for an encoding that is none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point_read(bytes.fromhex("58" + "66" * 31))


def signature_holds(key, message, signature):
    a, r = point_read(key), point_read(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER or point_same(point_times(8, a), (0, 1, 1, 0)):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little")
    return point_same(point_times(s, BASE), point_add(r, point_times(h % ORDER, a)))


# --- lines


def number_text(value):
    """A number with 17 significant digits, as the node writes it."""
    text = re.sub(r"e([+-])0*(\d)", lambda m: "e" + m[1].strip("+") + m[2], "%.17g" % value)
    return text if re.search(r"[.e]", text) else text + ".0"


def value_text(kind, value):
    """The one way to write a value of some kind; None if it is of another."""
    if kind == "text":
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else None
    if kind == "truth":
        return {True: "true", False: "false"}[value] if isinstance(value, bool) else None
    if kind == "number":
        plain = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if plain and 0 <= value < 2 ** 63 else None
    if kind in ("real", "cost"):  # of a claim that costs nothing it is 0
        least = isinstance(value, float) and (value > 0 or (kind == "cost" and value == 0))
        return number_text(value) if least else None
    digits = isinstance(value, str) and re.fullmatch(r"(?:[0-9a-f]{2})*", value)
    fits = digits and (kind == "bytes" or len(value) == 2 * kind)
    return '"%s"' % value if fits else None


def line_read(text, where, shape):
    """A line as a dictionary. It must be, letter by letter, what the node writes for it."""
    try:
        values = json.loads(text)
        require(isinstance(values, dict) and list(values) == list(shape), where)
        parts = [value_text(kind, values[name]) for name, kind in shape.items()]
    except (ValueError, RecursionError):
        raise Refused(where) from None
    require(None not in parts, where)
    written = ", ".join('"%s": %s' % pair for pair in zip(shape, parts))
    require("{" + written + "}" == text, where)
    for name, kind in shape.items():
        if isinstance(kind, int) or kind == "bytes":
            values[name] = bytes.fromhex(values[name])
    return values


class File:
    """A file whose hashes, order and counts hold. The signature is looked at apart."""

    def __init__(self, data):
        lines = data.decode("utf-8", "replace").split("\n")
        require(len(lines) > 2 and lines[-1] == "", "the signature's line does not end")
        self.lines, self.at = lines[:-1], 0
        self.audit_heads = {0: bytes(32)}  # by number, of which a re-anchored ledger skips some
        self.ledger_heads = {0: bytes(32)}
        self.audit, self.ledger, self.reanchors = [], [], []
        self.charges = []  # entries and claims that cost something, in the ledger's order
        self.spent, self.everybody = {}, Fraction(0)  # mu^2; claims are charged to everybody
        self.header = self.next("the first line", HEADER)
        require(self.header["format"] == FORMAT, "the first line names another format")
        while len(self.audit) < self.header["audit_entries"] or self.peek('{"audit": '):
            self.take_audit()
        while self.charges_due() or self.peek('{"ledger": ') or self.peek('{"reanchor": '):
            if self.peek('{"reanchor": '):
                self.take_reanchor()
            else:
                self.take_ledger()
        self.body = data.rindex(b"\n", 0, len(data) - 1) + 1
        self.signature = self.next("the signature", SIGNATURE)["signature"]
        require(self.at == len(self.lines), "line %d follows the signature" % (self.at + 1))
        self.check_ends()
        self.check_releases()

    def charges_due(self):
        stated = self.header["ledger_entries"] if self.header["ledger_included"] else 0
        return self.last() < stated

    def last(self):
        """The number of the ledger's last entry so far."""
        return next(reversed(self.ledger_heads))

    def peek(self, start):
        return self.at < len(self.lines) and self.lines[self.at].startswith(start)

    def next(self, what, shape):
        require(self.at < len(self.lines), "%s is missing" % what)
        self.at += 1
        where = "%s (line %d) is not as the node writes it" % (what, self.at)
        return line_read(self.lines[self.at - 1], where, shape)

    def take_audit(self):
        number = len(self.audit_heads)
        what = "audit entry %d" % number
        row = self.next(what, AUDIT)
        require(row["audit"] == number,
                "%s is missing or not in its place (line %d)" % (what, self.at))
        body = b"".join((
            self.audit_heads[number - 1], struct.pack("<QQ", number, row["wall"]),
            field(row["kind"].encode()), struct.pack("<I", row["user"] & 0xFFFFFFFF),
            row["study"], struct.pack("<QI", row["round"], row["attempt"] & 0xFFFFFFFF),
            row["patient"], row["object"], field(row["sentence"].encode())))
        require(row["user"] < 2 ** 32 and row["attempt"] < 2 ** 32 and re.fullmatch("[a-z]+", row["kind"]) and
                hashed(b"gemel/audit/1", body) == row["hash"],
                "%s (line %d): its hash does not hold" % (what, self.at))
        self.audit_heads[number] = row["hash"]
        self.audit.append(row)

    def take_list(self, count, number):
        """Who was charged: so many pseudonyms, ascending, in lines of PART."""
        pseudonyms = b""
        for part in range((count + PART - 1) // PART):
            what = "the list of patients of ledger entry %d" % number
            row = self.next(what, CHARGED)
            require(row["charged"] == number and row["part"] == part and
                    len(row["pseudonyms"]) == 16 * min(PART, count - part * PART),
                    "%s does not hold (line %d)" % (what, self.at))
            pseudonyms += row["pseudonyms"]
        names = [pseudonyms[i:i + 16] for i in range(0, len(pseudonyms), 16)]
        require(all(a < b for a, b in zip(names, names[1:])),
                "the list of patients of ledger entry %d is not in order" % number)
        return names, pseudonyms

    def take_ledger(self):
        number = self.last() + 1
        what = "ledger entry %d" % number
        row = self.next(what, LEDGER)
        line = self.at
        require(row["ledger"] == number,
                "%s is missing or not in its place (line %d)" % (what, line))
        names, pseudonyms = self.take_list(row["patients"], number)
        body = b"".join((
            self.ledger_heads[number - 1], struct.pack("<Q", number), row["study"],
            struct.pack("<QI", row["round"], row["attempt"] & 0xFFFFFFFF),
            struct.pack("<d", row["noise_multiplier"]),
            struct.pack("<QQ", row["wall"], row["dimension"]),
            struct.pack("<IQ", row["noise_log2"] & 0xFFFFFFFF, row["patients"]),
            hashed(b"gemel/ledger-patients/1", pseudonyms)))
        tag = b"gemel/ledger/1"
        if any(row["nonce"]):
            tag, body = b"gemel/ledger/2", body + row["nonce"]
        require(row["attempt"] < 2 ** 32 and row["noise_log2"] < 2 ** 32 and
                hashed(tag, body) == row["hash"],
                "%s (line %d): its hash does not hold" % (what, line))
        self.ledger_heads[number] = row["hash"]
        row["names"] = names
        self.ledger.append(row)
        self.charges.append(row)
        cost = 1 / Fraction(row["noise_multiplier"]) ** 2
        for name in names:
            self.spent[name] = self.spent.get(name, 0) + cost

    def take_reanchor(self):
        """What two officers signed (docs/formats.md, "Re-anchoring"): claims, then signatures."""
        after = self.last()
        what = "the re-anchoring after ledger entry %d" % after
        row = self.next(what, REANCHOR)
        line, number = self.at, row["reanchor"]
        claims = [self.next(what, CLAIMED) for _ in range(row["claims"])]
        officers = [self.next(what, OFFICER) for _ in range(2)]
        statement = b"".join((
            row["node"], struct.pack("<Q", after), self.ledger_heads[after],
            struct.pack("<QQQ", number, row["issued"], len(claims))))
        for claim in claims:
            statement += struct.pack("<Q", claim["claimed"]) + claim["hash"] + struct.pack(
                "<dQI", claim["noise_multiplier"], claim["dimension"],
                claim["noise_log2"] & 0xFFFFFFFF)
        written = statement + b"\x02" + b"".join(
            officer["officer"] + officer["signature"] for officer in officers)
        body = self.ledger_heads[after] + struct.pack("<Q", number) + field(written)
        due = 1 + max([after] + [claim["claimed"] for claim in claims])
        require(number == due and all(claim["noise_log2"] < 2 ** 32 for claim in claims) and
                hashed(b"gemel/ledger-reanchor/1", body) == row["hash"],
                "ledger entry %d, a re-anchoring (line %d): its hash does not hold" % (due, line))
        self.ledger_heads[number] = row["hash"]
        self.reanchors.append(dict(row, claims=claims, officers=officers, statement=statement))
        for claim in claims:
            if claim["noise_multiplier"]:
                self.everybody += 1 / Fraction(claim["noise_multiplier"]) ** 2
                self.charges.append(claim)

    def check_ends(self):
        """The first line's counts and heads are those of the lines."""
        header = self.header
        require(header["ledger_included"] or self.last() == 0,
                "ledger entries in a file that says it has none")
        ends = [("audit", len(self.audit), self.audit_heads[len(self.audit)])]
        if header["ledger_included"]:
            ends.append(("ledger", self.last(), self.ledger_heads[self.last()]))
        for chain, last, head in ends:
            stated = header[chain + "_entries"]
            require(last >= stated, "%s entry %d is missing: there were %d" %
                    (chain, last + 1, stated))
            require(last == stated, "%s entry %d: the first line says there are %d" %
                    (chain, stated + 1, stated))
            require(head == header[chain + "_head"],
                    "the first line's %s head is not that of entry %d" % (chain, stated))

    def check_releases(self):
        """From where the record begins, releases and charges are the same, one by one."""
        releases = [row for row in self.audit if row["kind"] == "release"]
        require(len(releases) <= self.header["ledger_entries"],
                "the audit record has %d releases, the ledger %d entries" %
                (len(releases), self.header["ledger_entries"]))
        if not self.header["ledger_included"]:
            return
        begin = self.audit[0]["object"] if self.audit else bytes(32)
        before = next((number for number, head in self.ledger_heads.items() if head == begin),
                      self.last())
        charges = [row for row in self.ledger if row["ledger"] > before]
        for row, charge in zip(releases, charges):
            require(all(row[name] == charge[name] for name in ("study", "round", "attempt")),
                    "audit entry %d is not the release of ledger entry %d" %
                    (row["audit"], charge["ledger"]))
        if len(charges) > len(releases):
            raise Refused("ledger entry %d has no release in the audit record" %
                          charges[len(releases)]["ledger"])
        if len(releases) > len(charges):
            raise Refused("audit entry %d is a release that the ledger does not have" %
                          releases[len(charges)]["audit"])
        anchored = {row["object"] for row in self.audit if row["kind"] == "anchor"}
        for row in self.reanchors:
            require(row["reanchor"] <= before or row["hash"] in anchored,
                    "ledger entry %d, a re-anchoring, is not in the audit record" %
                    row["reanchor"])

    def check_signature(self, data):
        message = field(b"gemel/audit-file/1") + field(data[:self.body])
        require(signature_holds(self.header["key"], message, self.signature),
                "the signature does not hold: the first line or the signature was changed")

    def check_officers(self):
        """Every re-anchoring was signed by two."""
        for row in self.reanchors:
            message = field(b"gemel/reanchor/1") + field(row["statement"])
            keys = [officer["officer"] for officer in row["officers"]]
            require(keys[0] != keys[1] and all(
                signature_holds(officer["officer"], message, officer["signature"])
                for officer in row["officers"]),
                    "ledger entry %d, a re-anchoring: two officers' signatures do not hold" %
                    row["reanchor"])

    def identity(self):
        return fingerprint(self.header["key"] + self.header["curve"])

    # --- what was spent

    def lattice(self, charges):
        """What integer noise costs beyond continuous noise, all releases together: what to add
        to epsilon, and the logarithm of what to multiply delta with (docs/privacy.md, claim 3)."""
        epsilon, log_delta = 0.0, 0.0
        for row in charges:
            d, s2 = row["dimension"], 4.0 ** row["noise_log2"]
            spread = d / (24 * s2)
            norm = math.sqrt(s2 * (d + 2 * math.sqrt(200 * d) + 400)) + math.sqrt(d) / 2
            wrap = 2.1 * math.exp(-2 * math.pi ** 2 * s2)
            epsilon += spread + norm * norm / (24 * s2 * s2) + d * wrap
            log_delta += spread
        return epsilon, log_delta

    def loss(self, mu2, delta, charges=None):
        """(mu, epsilon) of a patient, with the lattice of all releases (or of some charges)
        counted for everybody."""
        more, log_delta = self.lattice(self.charges if charges is None else charges)
        mu = math.sqrt(mu2)
        return mu, epsilon_of(mu, delta * math.exp(-log_delta)) + more

    def most(self, study=None):
        """mu^2 of the patient who has spent most, in all or in one study."""
        if study is None:
            return self.everybody + max(self.spent.values(), default=Fraction(0))
        sums = {}
        for row in self.ledger:
            if row["study"] == study:
                for name in row["names"]:
                    sums[name] = sums.get(name, 0) + 1 / Fraction(row["noise_multiplier"]) ** 2
        return max(sums.values(), default=Fraction(0))


def below(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def delta_of(mu, epsilon):
    return below(mu / 2 - epsilon / mu) - math.exp(epsilon) * below(-mu / 2 - epsilon / mu)


def epsilon_of(mu, delta):
    """The least epsilon that a mu-GDP release has at delta, by halving."""
    if mu == 0 or delta_of(mu, 0) <= delta:
        return 0.0
    low, high = 0.0, mu * (mu / 2 + 40)
    for _ in range(200):
        middle = (low + high) / 2
        if delta_of(mu, middle) > delta:
            low = middle
        else:
            high = middle
    return high


# --- the command


def read(path):
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        print("error: %s: %s" % (path, error.strerror), file=sys.stderr)
        sys.exit(EXIT["not there"])


def verify(data):
    """The file, everything in it having been checked; Refused otherwise."""
    file = File(data)
    file.check_signature(data)
    file.check_officers()
    return file


def check_before(file, older):
    """The older file is the beginning of this one, by the same node: under the same key, or one
    that the record has named since."""
    since = file.audit[older.header["audit_entries"]:]
    keys = [older.header["key"]] + [row["object"] for row in since if row["kind"] == "key"]
    require(file.header["key"] in keys, "the older file is another node's")
    for chain in ("audit", "ledger"):
        count, head = older.header[chain + "_entries"], older.header[chain + "_head"]
        require(count <= file.header[chain + "_entries"],
                "the older file has %d %s entries, this one fewer" % (count, chain))
        if chain == "ledger" and not file.header["ledger_included"]:
            continue
        heads, theirs = getattr(file, chain + "_heads"), getattr(older, chain + "_heads")
        if heads.get(count) != head:
            first = next((i for i in theirs if heads.get(i) != theirs[i]), count)
            raise Refused("%s entry %d is not the one of the older file" % (chain, first))


# --- an officer's report (docs/formats.md, "Officer's report")


def check_report(file, path):
    """The report was signed by the node whose file this is."""
    try:
        beside = json.loads(read(path + ".sig"))
        key, signature = bytes.fromhex(beside["key"]), bytes.fromhex(beside["signature"])
        form = beside["format"]
    except (ValueError, KeyError, TypeError):
        raise Refused("%s.sig is not a report's signature" % path) from None
    require(form == "gemel/report/1" and len(signature) == 64,
            "%s.sig is not a report's signature" % path)
    require(key == file.header["key"], "%s was signed by another node" % path)
    require(signature_holds(key, field(b"gemel/report/1") + field(read(path)), signature),
            "%s: its signature does not hold" % path)


def near(stated, computed, relative):
    return isinstance(stated, (int, float)) and abs(stated - computed) <= relative * computed


def check_loss(file, stated, mu2, delta, what, charges=None):
    mu, epsilon = file.loss(mu2, delta, charges)
    if "mu_spent_most" in stated:
        require(near(stated["mu_spent_most"], mu, 1e-9), "%smu_spent_most is %.12g" % (what, mu))
    require(near(stated["epsilon_spent_most"], epsilon, 1e-7),
            "%sepsilon_spent_most at delta %g is %.12g" % (what, delta, epsilon))


def check_figures(file, account):
    """What `report officer --json` says was spent is what the ledger gives, in all and by study."""
    most = file.most()
    check_loss(file, account, most, account["delta"], "")
    mu = math.sqrt(most)
    require(near(account["attack_auc"], below(mu / math.sqrt(2)), 1e-9), "attack_auc")
    found = below(statistics.NormalDist().inv_cdf(0.01) + mu)
    require(near(account["attack_tpr_at_1pc_fpr"], found, 1e-9), "attack_tpr_at_1pc_fpr")
    for loss in account["losses"]:
        check_loss(file, loss, most, loss["delta"], "")
    for study in account["studies"]:
        check_loss(file, study, file.most(bytes.fromhex(study["study"])), study["delta"],
                   "study %s: " % study["name"])


def check_permitted(file, account):
    """The policy is the one that the record says is in force; the caps in mu follow from it."""
    installed = [row["object"].hex() for row in file.audit if row["kind"] == "policy"]
    policy = account["policy"]
    require((policy["hash"] if policy else None) == (installed[-1] if installed else None),
            "the policy is not the last one in the audit record")
    if not policy:
        return
    lines = {line["name"]: line["value"] for line in policy["lines"]}
    require(account["epsilon_max"] == float(lines["epsilon_max"]) and
            account["delta"] == float(lines["delta"]), "epsilon_max or delta is not the policy's")
    for loss in [account] + account["losses"]:
        epsilon = file.loss(account["mu_max"] ** 2, loss["delta"])[1]
        require(near(loss["epsilon_max"], epsilon, 1e-7),
                "mu_max %.12g is epsilon %.12g at delta %g" %
                (account["mu_max"], epsilon, loss["delta"]))


def time_text(wall):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall))


def release_of(row, issued):
    """What a report must say of an entry of the ledger, or of a claim, whose patients nobody
    knows."""
    if "claimed" in row:
        return {"number": row["claimed"], "time": time_text(issued), "claimed": True,
                "noise_multiplier": row["noise_multiplier"], "numbers": row["dimension"]}
    return {"number": row["ledger"], "time": time_text(row["wall"]), "claimed": False,
            "study": row["study"].hex(), "round": row["round"], "attempt": row["attempt"],
            "noise_multiplier": row["noise_multiplier"], "numbers": row["dimension"],
            "bytes": 8 * row["dimension"], "patients": row["patients"]}


def check_releases(file, account):
    """One by one those of the ledger, and what a patient who was in all has spent by then."""
    releases, total = account["releases"], Fraction(0)
    told = dict(zip((row["ledger"] for row in reversed(file.ledger)),
                    (row for row in reversed(file.audit) if row["kind"] == "release")))
    issued = {claim["hash"]: row["issued"] for row in file.reanchors for claim in row["claims"]}
    require(len(releases) == len(file.charges), "there are %d releases" % len(file.charges))
    for at, (stated, row) in enumerate(zip(releases, file.charges)):
        for name, value in release_of(row, issued.get(row["hash"])).items():
            require(stated[name] == value, "release %d: %s is %s" % (at + 1, name, value))
        entry = told.get(row.get("ledger"), {"audit": None, "sentence": None})
        require((stated.get("entry"), stated.get("sentence")) ==
                (entry["audit"], entry["sentence"]),
                "release %d is not as audit entry %s has it" % (at + 1, entry["audit"]))
        total += 1 / Fraction(row["noise_multiplier"]) ** 2
        bound = file.loss(total, account["delta"], file.charges[:at + 1])[1]
        require(near(stated["epsilon_at_most"], bound, 1e-7),
                "release %d: epsilon_at_most is %.12g" % (at + 1, bound))


def check_lists(file, account):
    """What it counts and tells of the audit record is there."""
    checked = account["verified"]
    entries = file.audit[:checked["audit_entries"]]
    require(len(entries) == checked["audit_entries"] and
            file.audit_heads[len(entries)].hex() == checked["audit_head"],
            "the audit record of the report is not the beginning of this one")
    for kind in {row["kind"] for row in entries} | set(account["audit"]):
        count = sum(row["kind"] == kind for row in entries)
        require(account["audit"].get(kind, 0) == count, "there are %d entries %s" % (count, kind))
    for name, kinds in (("refusals", REFUSALS), ("decisions", DECISIONS)):
        latest = [{"number": row["audit"], "time": time_text(row["wall"]), "kind": row["kind"],
                   "sentence": row["sentence"]} for row in entries if row["kind"] in kinds]
        require(account[name] == latest[-LISTED:], "the %s are not the latest of the record" % name)


def check_account(file, path):
    try:
        account = json.loads(read(path))
        checked = account["verified"]
        require(file.header["ledger_included"], "the file has no ledger: export with --ledger")
        require(checked["ledger_head"] == file.header["ledger_head"].hex() and
                checked["ledger_entries"] == file.header["ledger_entries"],
                "%s is of %s ledger entries, the file has %d" %
                (path, checked["ledger_entries"], file.header["ledger_entries"]))
        check_figures(file, account)
        check_permitted(file, account)
        check_releases(file, account)
        check_lists(file, account)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused("%s is not what `report officer --json` prints: %s" % (path, error)) from None


# --- what is said


def report(file, arguments):
    header, delta = file.header, arguments.delta or file.header["delta"]
    spent = {name: file.loss(file.everybody + mu2, delta) for name, mu2 in file.spent.items()}
    mu_most, epsilon_most = file.loss(file.most(), delta)
    result = {
        "program": header["program"], "name": header["name"], "identity": file.identity(),
        "audit_entries": header["audit_entries"], "audit_head": header["audit_head"].hex(),
        "ledger_entries": header["ledger_entries"], "ledger_head": header["ledger_head"].hex(),
        "ledger_included": header["ledger_included"], "delta": delta,
        "patients_charged": len(spent),
        "claims": sum(len(row["claims"]) for row in file.reanchors),
        "mu_spent_most": mu_most, "epsilon_spent_most": epsilon_most,
    }
    if arguments.patients:
        result["patients"] = [{"pseudonym": name.hex(), "mu": mu, "epsilon": epsilon}
                              for name, (mu, epsilon) in sorted(spent.items())]
    return result


def show(result, named):
    print("%s, %s" % (result["program"], result["name"]))
    print("identity   %s%s" % (result["identity"],
                               "" if named else "   compare with `gemel-node status`"))
    print("audit      %d entries, every hash holds" % result["audit_entries"])
    if result["ledger_included"]:
        print("ledger     %d entries, every hash holds; every release has its charge" %
              result["ledger_entries"])
        if result["claims"]:
            print("           re-anchored by two officers: %d lost entries are charged to everybody" %
                  result["claims"])
        print("spent      mu %.6g, epsilon %.6g at delta %g by the patient who spent most of %d" %
              (result["mu_spent_most"], result["epsilon_spent_most"], result["delta"],
               result["patients_charged"]))
    else:
        print("ledger     %d entries, not in the file" % result["ledger_entries"])
    for patient in result.get("patients", []):
        print("  %(pseudonym)s  mu %(mu).6g  epsilon %(epsilon).6g" % patient)
    print("signature  holds")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--identity", metavar="FINGERPRINT",
                        help="refuse a file of another node, as `gemel-node status` shows it")
    parser.add_argument("--before", metavar="OLDER_FILE",
                        help="an earlier export, which this one must continue")
    parser.add_argument("--report", metavar="REPORT",
                        help="a report that this node must have signed, in REPORT.sig")
    parser.add_argument("--account", metavar="JSON",
                        help="what `report officer --json` printed: recompute every figure")
    parser.add_argument("--patients", action="store_true",
                        help="what every patient has spent, by pseudonym")
    parser.add_argument("--delta", type=float, help="the hospital's own unless given")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    arguments = parser.parse_args()
    if arguments.delta is not None and not 0 < arguments.delta < 1:
        parser.error("--delta is above 0 and below 1")
    try:
        file = verify(read(arguments.file))
        if arguments.identity:
            require(arguments.identity == file.identity(),
                    "the file was signed by another node: %s" % file.identity())
        if arguments.before:
            check_before(file, verify(read(arguments.before)))
        if arguments.report:
            check_report(file, arguments.report)
        if arguments.account:
            check_account(file, arguments.account)
    except Refused as refused:
        print("error: %s: %s" % (arguments.file, refused), file=sys.stderr)
        return EXIT["refused"]
    result = report(file, arguments)
    if arguments.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        show(result, arguments.identity)
        if arguments.report:
            print("report     signed by this node")
        if arguments.account:
            print("account    every figure follows from ledger and audit record")
    return EXIT["held"]


if __name__ == "__main__":
    sys.exit(main())
