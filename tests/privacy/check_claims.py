#!/usr/bin/env python3
"""check_claims.py GEMEL-NODE PRIVACY.md GOLDEN - the numbers behind docs/privacy.md, computed
from the definitions in decimal arithmetic and by listing every outcome of small mechanisms;
no code, constant or formula of the programs is used.

  curve     what `budget plan` says, both ways, and the golden tables, against the definition
  table     every figure of the page's table of levels
  lattice   claim 3: discrete noise, alone and as a sum of shares, costs no more than claimed
  filter    claim 5: nor does the worst choice of the second release after seeing the first
  stopping  the page's caveat: reading a total off the ledger when one likes does cost more

Prints a line for each and what is wrong; fails if anything is."""

import csv
import decimal
import itertools
import json
import math
import re
import subprocess
import sys
from decimal import Decimal as D

decimal.getcontext().prec = 120
PI = D("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803"
       "482534211706798214808651")
wrong = []


def check(holds, sentence):
    if not holds:
        wrong.append(sentence)


def near(a, b, relative, what):
    check(abs(D(a) - D(b)) <= D(relative) * abs(D(b)), f"{what}: {a}, expected {b:.17g}")


# --- the normal law and the curve ----------------------------------------------------------

def tail(x):
    """P[N > x], by erf's series of positive terms (Abramowitz and Stegun 7.1.6)."""
    if x < 0:
        return 1 - tail(-x)
    t = x / D(2).sqrt()
    term = total = t
    n = 0
    while term > total * D("1e-118"):
        n += 1
        term *= 2 * t * t / (2 * n + 1)
        total += term
    return (1 - 2 / PI.sqrt() * (-t * t).exp() * total) / 2


def delta_of(mu, epsilon):
    """The definition: P[loss > epsilon] under "with" less e^epsilon times that under "without",
    where the loss is N(mu^2/2, mu^2) and N(-mu^2/2, mu^2)."""
    mu, epsilon = D(mu), D(epsilon)
    return tail(epsilon / mu - mu / 2) - epsilon.exp() * tail(epsilon / mu + mu / 2)


def is_epsilon(mu, delta, epsilon, relative, what):
    """epsilon is the curve's at delta if delta lies between the curve at its two sides."""
    low, high = D(epsilon) * (1 - D(relative)), D(epsilon) * (1 + D(relative))
    check(delta_of(mu, high) <= D(delta) <= delta_of(mu, low), f"{what}: epsilon {epsilon}")


def quantile(p):
    low, high = D(-40), D(40)
    for _ in range(90):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(-middle) < p else (low, middle)
    return low


def plan(program, *options):
    run = subprocess.run([program, "budget", "plan", "--json", *map(str, options)],
                         check=True, capture_output=True, text=True)
    return json.loads(run.stdout, parse_float=D)


def curve(program, golden):
    cells = 0
    one_percent = quantile(D("0.01"))
    for z, rounds, delta in itertools.product(
            ("0.8", "2", "4.22468", "13.5", "60"), (1, 3, 8, 100), ("1e-5", "1e-6", "1e-8", "1e-12")):
        mu = D(rounds).sqrt() / D(z)
        if mu > 4:
            continue
        told = plan(program, "--noise-multiplier", z, "--rounds", rounds, "--delta", delta)
        what = f"budget plan z {z}, {rounds} rounds, delta {delta}"
        near(told["mu"], mu, "1e-15", what)
        is_epsilon(mu, delta, told["epsilon"], "1e-12", what)
        near(told["attack_auc"], tail(-mu / D(2).sqrt()), "1e-14", what + ", area")
        near(told["attack_tpr_at_1pc_fpr"], tail(-one_percent - mu), "1e-13", what + ", found")
        cells += 1
    for epsilon, rounds in itertools.product(("0.1", "1", "3", "8"), (1, 8, 30)):
        told = plan(program, "--epsilon", epsilon, "--rounds", rounds, "--delta", "1e-6")
        mu = D(rounds).sqrt() / told["noise_multiplier"]
        what = f"budget plan epsilon {epsilon}, {rounds} rounds"
        is_epsilon(mu, "1e-6", epsilon, "1e-10", what)
        check(delta_of(mu, epsilon) <= D("1e-6"), what + ": more than was asked for")
        cells += 1
    rows = 0
    for row in csv.DictReader(open(f"{golden}/gaussian_composed.csv")):
        mu = D(row["T"]).sqrt() / D(row["sigma"])
        if mu < 15:
            is_epsilon(mu, row["delta"], row["eps_exact_gdp"], "1e-11", f"golden {row}")
            rows += 1
    for row in csv.DictReader(open(f"{golden}/calibration_sigma.csv")):
        is_epsilon(row["mu_total_exact"], row["delta"], row["eps"], "1e-11", f"golden {row}")
        rows += 1
    check(cells > 60 and rows > 250, f"{cells} cells and {rows} rows are not all")
    print(f"curve: {cells} of budget plan's answers and {rows} golden rows")


def table(page):
    """| epsilon | mu | epsilon at 1e-5 | at 1e-8 | area | found |, to the digits shown."""
    rows = 0
    for line in open(page):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 6 or not cells[0].replace(".", "").isdigit():
            continue
        epsilon, mu, at5, at8, area, found = cells
        low, high = D(0), D(10)
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if delta_of(middle, epsilon) < D("1e-6") else (low, middle)
        shown = [(mu, low), (area, tail(-low / D(2).sqrt())),
                 (found.rstrip(" %"), 100 * tail(-quantile(D("0.01")) - low))]
        for text, exact in shown:
            check(abs(D(text) - exact) <= D("0.5001") * D(1).scaleb(D(text).as_tuple().exponent),
                  f"table, epsilon {epsilon}: {text}, exactly {exact:.6f}")
        for text, delta in ((at5, "1e-5"), (at8, "1e-8")):
            half = D("0.5001").scaleb(D(text).as_tuple().exponent)
            check(delta_of(low, D(text) + half) <= D(delta) <= delta_of(low, D(text) - half),
                  f"table, epsilon {epsilon}: {text} at {delta}")
        rows += 1
    check(rows == 5, f"{rows} rows in the page's table")
    said = re.search(r"At s = 2\^20 all of it is (\S+) in epsilon for 200 numbers, (\S+) for 1,000", open(page).read())
    for text, d in zip(said.groups() if said else (), (200, 1000)):
        check(f"{lattice_cost(d, 2 ** 20, 1)[0]:.1e}" == f"{float(text):.1e}", f"claim 3: {text} for {d} numbers")
    check(said, "claim 3 says no figures")
    print(f"table: {rows} rows, and claim 3's figures")


# --- mechanisms small enough to list all that can come out ---------------------------------

def law(s, shares=1):
    """{x: probability} of `shares` discrete Gaussians of parameter s added up, to 1e-30."""
    reach = 12 * s
    one = {x: math.exp(-x * x / (2 * s * s)) for x in range(-reach, reach + 1)}
    total = math.fsum(one.values())
    one = {x: p / total for x, p in one.items()}
    out = one
    for _ in range(shares - 1):
        mixed = {}
        for x, p in out.items():
            for y, q in one.items():
                mixed[x + y] = mixed.get(x + y, 0) + p * q
        out = mixed
    return out


def excess(p, q, weight_p, weight_q):
    return max(weight_p * p - weight_q * q, 0.0)


def lattice_cost(d, s, shares):
    """Claim 3's correction: what epsilon grows by, what the logarithm of delta does."""
    s2 = shares * s * s
    eta1 = d / (24 * s2)
    reach = math.sqrt(s2 * (d + 2 * math.sqrt(200 * d) + 400)) + math.sqrt(d) / 2
    theta = 2.1 * math.exp(-2 * math.pi ** 2 * s2)
    tau = 10 * (shares - 1) * math.exp(-math.pi ** 2 * s * s)
    return (eta1 + reach ** 2 / (24 * s2 * s2) + d * theta + 2 * d * tau), eta1 + d * tau


def claimed(mu, epsilon, costs):
    """delta that claim 3 states at epsilon, the correction in it, for releases with `costs`."""
    more, log_delta = map(sum, zip(*costs))
    if epsilon < more:
        return 1.0
    return float(delta_of(mu, epsilon - more)) * math.exp(log_delta) + math.exp(epsilon - more - 200)


def lattice():
    cases, above_continuous = 0, 0
    for s, shares, shift in itertools.product((4, 8), (1, 2, 3), ((1,), (4,), (9,), (3, 4), (1, 1))):
        if len(shift) == 2 and (shares > 1 or s > 4):
            continue
        noise = law(s, shares)
        mu = math.hypot(*shift) / (s * math.sqrt(shares))
        for epsilon in (0.25, 0.5, 1.0, 2.0, 4.0):
            exact = []
            for point in itertools.product(noise, repeat=len(shift)):
                p = math.prod(noise.get(x - a, 0.0) for x, a in zip(point, shift))
                q = math.prod(noise[x] for x in point)
                exact.append(excess(p, q, 1, math.exp(epsilon)))
            # what was moved off the end of the list, in full
            exact = math.fsum(exact) + sum(
                math.fsum(p for x, p in noise.items() if x > max(noise) - a) for a in shift)
            bound = claimed(mu, epsilon, [lattice_cost(len(shift), s, shares)])
            check(exact <= bound * (1 + 1e-9) + 1e-28,
                  f"lattice s {s}, {shares} shares, moved {shift}, epsilon {epsilon}: {exact} > {bound}")
            above_continuous += exact > float(delta_of(mu, epsilon)) * (1 + 1e-9) > 1e-12
            cases += 1
    check(above_continuous > 0, "the correction is never needed: the comparison shows nothing")
    print(f"lattice: {cases} mechanisms within the claim, {above_continuous} of them above the "
          "continuous curve")


def second(noise, weight_p, weight_q, shift):
    return math.fsum(excess(noise.get(x - shift, 0.0), q, weight_p, weight_q) for x, q in noise.items())


def filter_and_stopping():
    """A cap of mu^2 and two releases. Whoever sees the first chooses how far the patient moves the
    second, within what is left of the cap, so that delta is largest: no strategy has more."""
    s, cases, worst = 8, 0, 0.0
    noise = law(s)
    cost = lattice_cost(1, s, 1)
    for cap, first in itertools.product((0.5, 1.0), (2, 3)):
        left = int(math.sqrt((cap * s) ** 2 - first * first))
        for epsilon in (0.5, 1.0, 2.0):
            e = math.exp(epsilon)
            exact = math.fsum(
                max(second(noise, noise.get(x - first, 0.0), e * q, shift) for shift in range(left + 1))
                for x, q in noise.items())
            bound = claimed(cap, epsilon, [cost, cost])
            check(exact <= bound, f"filter cap {cap}, first {first}, epsilon {epsilon}: {exact} > {bound}")
            cases += 1
        # Stop after the first release or go on, and read epsilon off what was then spent.
        delta = 1e-3
        mus = first / s, math.hypot(first, left) / s
        levels = [epsilon_of(mu, delta) for mu in mus]
        read = math.fsum(
            max(excess(noise.get(x - first, 0.0), q, 1, math.exp(levels[0])),
                second(noise, noise.get(x - first, 0.0), math.exp(levels[1]) * q, left))
            for x, q in noise.items())
        worst = max(worst, read / delta)
    check(1.2 < worst < 2, f"stopping after a look costs {worst:.2f} times delta")
    print(f"filter: {cases} caps, the worst second release within the claim")
    print(f"stopping: a total read when one likes has up to {worst:.2f} times its delta")


def epsilon_of(mu, delta):
    low, high = 0.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(mu, middle) > D(delta) else (low, middle)
    return high


def main():
    program, page, golden = sys.argv[1:]
    curve(program, golden)
    table(page)
    lattice()
    filter_and_stopping()
    for sentence in wrong:
        print("wrong:", sentence)
    sys.exit(1 if wrong else 0)


main()
