#!/usr/bin/env python3
"""families.py GEMEL_SIM GEMEL_NODE [MODEL]... - what a study of each field's twins learns.

2,000 virtual patients are drawn from a model's own prior in the study that its file proposes, and
learned from a prior that is off: typical values by half a standard deviation between patients, and
those by a quarter of themselves. Pooled without noise, and by five hospitals each of which holds
epsilon 3 at delta 1e-6 by its own noise, in eight rounds. Shown is how far
typical values are from those that the patients were drawn from, in standard deviations between
patients, and how far those are from theirs, in logarithms; both the root mean square over the
parameters that differ between patients."""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time

MODELS = ["drugs/theophylline", "diabetes/glucose", "heart/circulation", "oncology/neutropenia",
          "oncology/tumour", "lungs/asthma_diary", "joints/knee", "prevention/blood_pressure",
          "genes/warfarin_inr", "hospital/length_of_stay"]
PATIENTS, HOSPITALS, ROUNDS, MULTIPLIER = 2000, 5, 8, 4.366

LINE = re.compile(r"^(?P<name>\w+)\s*=\s*(?P<typical>\S+)\s+\S+\s+(?:\((?P<low>\S+), (?P<high>\S+)\)\s+)?"
                  r"(?P<kind>log|logit)?normal (?P<word>sd|cv) (?P<spread>[0-9.e-]+)", re.M)


class Scale:
    """The one that a parameter is learned on."""

    def __init__(self, kind, low, high):
        self.kind = kind
        if kind == "logit":
            self.low, self.high = float(low), float(high)

    def there(self, x):
        if self.kind == "log":
            return math.log(x)
        return math.log((x - self.low) / (self.high - x)) if self.kind == "logit" else x

    def back(self, phi):
        if self.kind == "log":
            return math.exp(phi)
        if self.kind == "logit":
            return self.low + (self.high - self.low) / (1 + math.exp(-phi))
        return phi


def drawn_from(text):
    """Name to (scale, typical value on it, sd on it)."""
    out = {}
    for line in LINE.finditer(text):
        scale = Scale(line["kind"], line["low"], line["high"])
        sd = float(line["spread"])
        if line["word"] == "cv":
            sd = math.sqrt(math.log(1 + sd * sd))
        out[line["name"]] = (scale, scale.there(float(line["typical"])), sd)
    return out


def off(text, truth):
    """The same model with another prior."""
    def other(line):
        scale, centre, sd = truth[line["name"]]
        wrong = scale.back(centre + 0.5 * sd)
        head = line[0][:line.start("typical") - line.start()]
        middle = line[0][line.end("typical") - line.start():line.start("word") - line.start()]
        return f"{head}{wrong:.9g}{middle}sd {1.25 * sd:.9g}"
    return LINE.sub(other, text)


def distances(truth, result):
    """Root mean squares: of typical values in sds, of the logarithms of sds."""
    shifts, spreads = [], []
    for name, (scale, centre, sd) in truth.items():
        one = result["parameters"][name]
        shifts.append((scale.there(one["typical"]) - centre) / sd)
        spreads.append(math.log(max(one["between_sd"], 1e-9) / sd))
    return tuple(math.sqrt(sum(x * x for x in xs) / len(xs)) for xs in (shifts, spreads))


def split(table, path):
    seen = {}
    with open(table, encoding="ascii") as rows:
        next(rows)
        for row in rows:
            seen.setdefault(row.split(",", 1)[0], len(seen) % HOSPITALS)
    with open(path, "w", encoding="ascii") as out:
        out.write("ID,HOSPITAL\n")
        out.writelines(f"{one},H{hospital}\n" for one, hospital in seen.items())


def learned(sim, model, wrong, scratch):
    table, hospitals = os.path.join(scratch, "people.csv"), os.path.join(scratch, "hospitals.csv")
    subprocess.run([sim, "cohort", "--model", model, "--patients", str(PATIENTS), "--out", table,
                    "--quiet"], check=True)
    split(table, hospitals)
    start = os.path.join(scratch, "start.twin")
    with open(start, "w", encoding="utf-8") as out:
        out.write(wrong)
    common = ["--model", start, "--data", table, "--json", "--quiet"]
    ways = {"without": ["pooled"],
            "epsilon 3": ["federate", "--hospitals", hospitals, "--noise-multiplier",
                          str(MULTIPLIER), "--rounds", str(ROUNDS)]}
    out = {}
    for name, words in ways.items():
        begun = time.monotonic()
        done = subprocess.run([sim, words[0], *common, *words[1:]], check=True,
                              stdout=subprocess.PIPE)
        out[name] = json.loads(done.stdout)
        out[name]["seconds"] = time.monotonic() - begun
    return out


def main():
    sim, node, *models = sys.argv[1:]
    print("| model | parameters | typical values, sd | | spreads, log | | seconds | |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print("| | | no noise | epsilon 3 | no noise | epsilon 3 | no noise | epsilon 3 |")
    for model in models or MODELS:
        text = subprocess.run([node, "model", "fmt", model], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        truth = drawn_from(text)
        with tempfile.TemporaryDirectory() as scratch:
            got = learned(sim, model, off(text, truth), scratch)
        (s0, v0), (s1, v1) = (distances(truth, got[way]) for way in ("without", "epsilon 3"))
        print(f"| {model} | {len(truth)} | {s0:.3f} | {s1:.3f} | {v0:.3f} | {v1:.3f} | "
              f"{got['without']['seconds']:.1f} | {got['epsilon 3']['seconds']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
