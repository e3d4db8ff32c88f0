#!/usr/bin/env python3
"""Hold an officer's report to the ledger, and verify/gemel_verify.py to what it says of reports.

    check_account.py build/tests/test_node_account

Every figure that a report gives of what was spent and what left is recomputed from the export;
each one changed, left out or added is refused.
"""
import copy
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("gemel_verify", ROOT / "verify/gemel_verify.py")
verifier = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(verifier)

# Not of ledger and audit record: the policy's other lines, the studies' terms, and who is in.
ELSEWHERE = {"patients"}
OF_A_STUDY = {"epsilon_spent_most", "mu_spent_most"}
NUMBERS = 30  # and the texts of releases, refusals and decisions


def places(value, path=()):
    """Where there are figures and sentences of the record, as lists of keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if path or key not in ELSEWHERE:
                yield from places(inner, path + (key,))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from places(inner, path + (place,))
    elif isinstance(value, bool):
        return
    elif isinstance(value, (int, float)):
        if path[0] == "studies":
            if path[-1] in OF_A_STUDY:
                yield path
        elif path != ("policy", "signatures"):
            yield path
    elif isinstance(value, str) and path[0] in ("releases", "refusals", "decisions", "verified"):
        yield path
    elif path == ("policy", "hash"):
        yield path


def changed(value):
    if isinstance(value, str):
        return value[:-1] + ("x" if value[-1:] != "x" else "y")
    return value + (1 if isinstance(value, int) else 1e-4 * value)


def check(program, how, folder):
    failures = 0
    export, account = Path(folder, "export"), Path(folder, "account")
    subprocess.run([program, how, export, account], check=True)
    file = verifier.verify(export.read_bytes())
    verifier.check_account(file, str(account))
    sound = json.loads(account.read_text())
    found = list(places(sound))
    for place in found:
        wrong = copy.deepcopy(sound)
        at = wrong
        for key in place[:-1]:
            at = at[key]
        at[place[-1]] = changed(at[place[-1]])
        account.write_text(json.dumps(wrong))
        try:
            verifier.check_account(file, str(account))
            failures += 1
            print("%s: changed and taken: %s" % (how, ".".join(map(str, place))))
        except verifier.Refused:
            pass
    print("%s: %d figures and sentences changed, %d failures" % (how, len(found), failures))
    return failures or len(found) < NUMBERS


def main():
    with tempfile.TemporaryDirectory() as folder:
        return int(any([check(sys.argv[1], how, folder)
                        for how in ("write", "write-reanchored")]))


if __name__ == "__main__":
    sys.exit(main())
