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

# Not of ledger and audit record: what the officers permit, the studies' terms, and who is in.
ELSEWHERE = {"policy", "studies", "patients", "mu_max", "epsilon_max", "delta", "refusals",
             "decisions"}


def figures(value, path=()):
    """Where there are numbers, as lists of keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if path or key not in ELSEWHERE:
                if not (path and path[0] == "losses" and key in ("epsilon_max", "delta")):
                    yield from figures(inner, path + (key,))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from figures(inner, path + (place,))
    elif isinstance(value, (int, float)) and path[-1] not in ("number", "ledger_entries"):
        yield path


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        export, account = Path(folder, "export"), Path(folder, "account")
        subprocess.run([sys.argv[1], "write", export, account], check=True)
        file = verifier.verify(export.read_bytes())
        verifier.check_account(file, str(account))
        sound = json.loads(account.read_text())
        places = list(figures(sound))
        for place in places:
            wrong = copy.deepcopy(sound)
            at = wrong
            for key in place[:-1]:
                at = at[key]
            at[place[-1]] += 1 if isinstance(at[place[-1]], int) else 1e-4 * at[place[-1]]
            account.write_text(json.dumps(wrong))
            try:
                verifier.check_account(file, str(account))
                failures += 1
                print("changed and taken: %s" % ".".join(map(str, place)))
            except verifier.Refused:
                pass
    print("%d figures changed, %d failures" % (len(places), failures))
    return 1 if failures or len(places) < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
