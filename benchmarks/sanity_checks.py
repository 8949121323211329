"""Which sanity checks of fidelity and diversity do our numbers pass?

    python benchmarks/sanity_checks.py [--n 1000] [--repeats 1] [--points 9]

The checks of Raisa, van Breugel and van der Schaar, "Position: All current generative fidelity and
diversity metrics are flawed", ICML (2025), arXiv 2505.22450: pairs of simple distributions of which
one knows what a number ought to say. Scenarios, tolerances and criteria are theirs, drawn anew here
at fewer points (theirs: 20 to 51 points, 10 repeats; of hypercubes up to 10,000 rows, here 2,000).
Features are standardised by the real ones, as there. A criterion is about a value (0 or 1 within
0.05) or about a shape (a bell, a fall, a rise, a flat line) of the mean over repeats. A diversity
number may be of either kind where the synthetic distribution is the wider one: low or high. Also
written to benchmarks/results/sanity_checks.json.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from evalsuite.metrics import clipped, precision_recall

RESULTS = Path(__file__).parent / "results" / "sanity_checks.json"
FIDELITY = ("precision", "density", "clipped_density")
DIVERSITY = ("recall", "coverage", "clipped_coverage")
CLOSE, ALIKE, APART = 0.05, 0.1, 0.2  # tolerances of the paper
DIMENSIONS = (1, 8, 64)

Rows = np.ndarray
Draw = Callable[[np.random.Generator, float, int], tuple[Rows, Rows]]
Judge = Callable[[np.ndarray, np.ndarray], bool]


def near(target: float, place: float) -> Judge:
    """Return whether the value at the point next to a place, perhaps infinite, is near a target."""

    def judge(x: np.ndarray, y: np.ndarray) -> bool:
        at = np.abs(x - np.clip(place, x.min(), x.max())).argmin()
        return bool(abs(y[at] - target) <= CLOSE)

    return judge


def bell(middle: float) -> Judge:
    def judge(x: np.ndarray, y: np.ndarray) -> bool:
        top = y[np.abs(x - middle).argmin()]
        ends = y[[0, -1]]
        return bool(
            (top - ends >= APART).all()
            and y.max() - top <= ALIKE
            and (ends - y.min()).min() <= ALIKE
        )

    return judge


def falls(_x: np.ndarray, y: np.ndarray) -> bool:
    return bool(y[0] - y[-1] >= APART and y[-1] - y.min() <= ALIKE and y.max() - y[0] <= ALIKE)


def rises(x: np.ndarray, y: np.ndarray) -> bool:
    return falls(x, y[::-1])


def falls_by(share: float) -> Judge:
    """Return whether it falls, by a tenth at a share of the way already."""
    return lambda x, y: falls(x, y) and bool(y[0] - y[round(share * (len(y) - 1))] >= ALIKE)


def flat(_x: np.ndarray, y: np.ndarray) -> bool:
    return bool(np.ptp(y) <= CLOSE)


def settles(_x: np.ndarray, y: np.ndarray) -> bool:
    return bool(np.ptp(y[len(y) // 2 :]) <= CLOSE)


def either(*judges: Judge) -> Judge:
    return lambda x, y: any(judge(x, y) for judge in judges)


@dataclass(frozen=True)
class Check:
    """One scenario.

    Args:
        name: what is varied.
        x: over which values, for how many points.
        draw: the cohorts at one of them.
        fidelity, diversity: what is asked of the two kinds of numbers.
    """

    name: str
    x: Sequence[float]
    draw: Draw
    fidelity: tuple[Judge, ...]
    diversity: tuple[Judge, ...]


def cube(d: int, rows: Callable[[float, int], tuple[int, int]]) -> Draw:
    def draw(rng: np.random.Generator, x: float, n: int) -> tuple[Rows, Rows]:
        real, synthetic = rows(x, n)
        start = 1 - 0.2 ** (1 / d)  # a fifth of the volumes overlap
        return rng.random((real, d)), start + rng.random((synthetic, d))

    return draw


def ball(rng: np.random.Generator, n: int, d: int, radius: float) -> Rows:
    rows = rng.normal(size=(n, d))
    rows *= radius / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows * rng.random((n, 1)) ** (1 / d)


def torus(rng: np.random.Generator, n: int) -> Rows:
    circle = ball(rng, n, 2, 0.1) + np.array([1, 0])
    angle = 2 * np.pi * rng.random(n)
    return np.stack([circle[:, 0] * np.cos(angle), circle[:, 0] * np.sin(angle), circle[:, 1]], 1)


def modes(rng: np.random.Generator, n: int, means: Rows, scale: float, shares: Rows) -> Rows:
    chosen = means[rng.choice(len(means), n, p=shares / shares.sum())]
    return chosen + scale * rng.normal(size=chosen.shape)


def checks(points: int) -> list[Check]:
    """Return all scenarios."""
    found = []
    normal = np.random.Generator.normal
    symmetric = (near(1, 0), near(0, -np.inf), near(0, np.inf))
    for d, most, decades in ((1, 6, 3.0), (8, 3, 1.0), (64, 1, 0.5)):
        means = np.linspace(-most, most, points)
        shifted = (*symmetric, bell(0))

        def shift(rng: np.random.Generator, x: float, n: int, d: int = d) -> tuple[Rows, Rows]:
            return normal(rng, size=(n, d)), normal(rng, x, size=(n, d))

        def outlying(which: int, d: int = d, most: float = most) -> Draw:
            def draw(rng: np.random.Generator, x: float, n: int) -> tuple[Rows, Rows]:
                pair = [normal(rng, size=(n, d)), normal(rng, x, size=(n, d))]
                pair[which] = np.concatenate([pair[which], np.full((1, d), float(most))])
                return pair[0], pair[1]

            return draw

        def wider(rng: np.random.Generator, x: float, n: int, d: int = d) -> tuple[Rows, Rows]:
            return normal(rng, size=(n, d)), 10**x * normal(rng, size=(n, d))

        found += [
            Check(f"mean, {d}", means, shift, shifted, shifted),
            Check(f"mean, a real outlier, {d}", means, outlying(0), shifted, shifted),
            Check(f"mean, a synthetic outlier, {d}", means, outlying(1), shifted, shifted),
            Check(
                f"spread, {d}", np.linspace(-decades, decades, points), wider,
                (near(1, 0), near(1, -np.inf), near(0, np.inf), falls),
                (near(1, 0), near(0, -np.inf), either(near(0, np.inf), near(1, np.inf)),
                 either(bell(0), rises)),
            ),
        ]  # fmt: skip
        scale = {1: 1 / 6, 8: 1 / 3, 64: 1.0}[d]
        centres = np.repeat(np.linspace(0, 10, 10)[:, None], d, axis=1)

        def thinned(
            rng: np.random.Generator, x: float, n: int, centres: Rows = centres, s: float = scale
        ) -> tuple[Rows, Rows]:
            shares = np.r_[1.0, np.full(9, 1 - x)]
            return modes(rng, n, centres, s, np.ones(10)), modes(rng, n, centres, s, shares)

        def dropped(
            rng: np.random.Generator, x: float, n: int, centres: Rows = centres, s: float = scale
        ) -> tuple[Rows, Rows]:
            shares = (np.arange(10) < 10 - round(x)).astype(float)
            return modes(rng, n, centres, s, np.ones(10)), modes(rng, n, centres, s, shares)

        def one_for_two(
            rng: np.random.Generator, x: float, n: int, d: int = d
        ) -> tuple[Rows, Rows]:
            pair = np.array([[-x / 2], [x / 2]]).repeat(d, axis=1)
            one = np.sqrt(1 + x**2) * normal(rng, size=(n, d))
            return modes(rng, n, pair, 1.0, np.ones(2)), one

        found += [
            Check(f"all modes but one thinned, {d}", np.linspace(0, 1, 2 * points), thinned,
                  (near(1, 0), near(1, np.inf), flat), (near(1, 0), falls_by(0.95))),
            Check(f"modes dropped, {d}", np.arange(10.0), dropped,
                  (near(1, 0), near(1, np.inf), flat), (near(1, 0), falls_by(0.5))),
            Check(f"one mode for two, {d}", np.linspace(0, 5, points), one_for_two,
                  (near(1, 0), falls), (near(1, 0), either(falls, flat))),
        ]  # fmt: skip
        sizes = np.geomspace(100, 2000, points).round()
        fifth = (settles, near(0.2, np.inf))
        found += [
            Check(f"rows of both cubes, {d}", sizes, cube(d, lambda x, _: (int(x), int(x))),
                  fifth, fifth),
            Check(f"rows of the synthetic cube, {d}", sizes, cube(d, lambda x, n: (n, int(x))),
                  fifth, fifth),
        ]  # fmt: skip
    for d in (2, 16, 128):

        def shell(rng: np.random.Generator, x: float, n: int, d: int = d) -> tuple[Rows, Rows]:
            real, synthetic = (normal(rng, size=(n, d)) for _ in range(2))
            real /= np.linalg.norm(real, axis=1, keepdims=True)
            return real, x * synthetic / np.linalg.norm(synthetic, axis=1, keepdims=True)

        asked = (near(1, 1), near(0, -np.inf), near(0, np.inf), bell(1))
        found.append(Check(f"radius of a sphere, {d}", np.linspace(0.1, 1.9, points), shell,
                           asked, asked))  # fmt: skip
    sizes = np.geomspace(100, 2000, points).round()
    void = (settles, near(0, np.inf))
    found += [
        Check("a torus for a ball", sizes,
              lambda rng, x, n: (ball(rng, n, 3, 0.8), torus(rng, int(x))), void, void),
        Check("a ball for a torus", sizes,
              lambda rng, x, n: (torus(rng, n), ball(rng, int(x), 3, 0.8)), void, void),
    ]  # fmt: skip
    never = (flat, near(0, -np.inf), near(0, np.inf))

    def scaled(rng: np.random.Generator, x: float, n: int) -> tuple[Rows, Rows]:
        size = np.array([1, 10**x])
        return size * normal(rng, size=(n, 2)), size * normal(rng, [6, 0], size=(n, 2))

    def more(rng: np.random.Generator, x: float, n: int) -> tuple[Rows, Rows]:
        real, synthetic = (normal(rng, size=(n, 1 + int(10**x))) for _ in range(2))
        synthetic[:, 0] += 6
        return real, synthetic

    def tailed(rng: np.random.Generator, x: float, n: int) -> tuple[Rows, Rows]:
        tails = 1 + rng.pareto(1.01, size=(2, n))
        return (np.stack([normal(rng, size=n), tails[0]], 1),
                np.stack([normal(rng, x, size=n), tails[1]], 1))  # fmt: skip

    def rounded(of_real: bool) -> Draw:
        def draw(rng: np.random.Generator, x: float, n: int) -> tuple[Rows, Rows]:
            real, synthetic = (10**x * normal(rng, size=(n, 1)) for _ in range(2))
            return (real.round(), synthetic) if of_real else (real, synthetic.round())

        return draw

    wide = either(near(0, -np.inf), near(1, -np.inf)), either(near(0, np.inf), near(1, np.inf))
    tails = (*symmetric, bell(0))
    found += [
        Check("unit of one of two features", np.linspace(-3, 3, points), scaled, never, never),
        Check("features more, that agree", np.linspace(0, 3, points), more, never, never),
        Check("mean, beside a heavy tail", np.linspace(-6, 6, points), tailed, tails, tails),
        Check("real rounded", np.linspace(0, 3, points), rounded(True),
              (flat, near(0, -np.inf), near(0, np.inf)), (flat, *wide)),
        Check("synthetic rounded", np.linspace(0, 3, points), rounded(False),
              (flat, near(1, -np.inf), near(1, np.inf)),
              (flat, near(0, -np.inf), near(0, np.inf))),
    ]  # fmt: skip
    return found


def values(real: Rows, synthetic: Rows) -> dict[str, float]:
    centre, spread = real.mean(axis=0), real.std(axis=0)
    spread[spread == 0] = 1
    pair = [torch.from_numpy((rows - centre) / spread) for rows in (real, synthetic)]
    estimates = [*precision_recall.compute(*pair), *clipped.compute(*pair, intervals=False)]
    return {e.name: e.value for e in estimates}


def judged(check: Check, number: int, n: int, repeats: int) -> dict[str, dict[str, list]]:
    """Return for each number its means, then which criteria they pass."""
    x = np.array(check.x)
    means: dict[str, np.ndarray] = {name: np.zeros(len(x)) for name in (*FIDELITY, *DIVERSITY)}
    for repeat in range(repeats):
        for place, value in enumerate(x):
            rng = np.random.default_rng([number, repeat, place])
            for name, found in values(*check.draw(rng, value, n)).items():
                means[name][place] += found / repeats
    asked = {**dict.fromkeys(FIDELITY, check.fidelity), **dict.fromkeys(DIVERSITY, check.diversity)}
    return {
        name: {"values": y.round(4).tolist(), "passed": [judge(x, y) for judge in asked[name]]}
        for name, y in means.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--points", type=int, default=9)
    arguments = parser.parse_args()
    names = (*FIDELITY, *DIVERSITY)
    print(f"{'criteria passed, of':34}" + "".join(f"{name:>18}" for name in names))
    told, sums = {}, dict.fromkeys(names, np.zeros(2, int))
    for number, check in enumerate(checks(arguments.points)):
        found = judged(check, number, arguments.n, arguments.repeats)
        told[check.name] = {"x": list(map(float, check.x)), **found}
        row = {name: (sum(of["passed"]), len(of["passed"])) for name, of in found.items()}
        sums = {name: sums[name] + row[name] for name in names}
        cells = "".join(f"{f'{row[name][0]} of {row[name][1]}':>18}" for name in names)
        print(f"{check.name:34}{cells}", flush=True)
    print(f"{'all':34}" + "".join(f"{f'{a} of {b}':>18}" for a, b in sums.values()))
    settings = {key: getattr(arguments, key) for key in ("n", "repeats", "points")}
    RESULTS.write_text(json.dumps({"settings": settings, "checks": told}, indent=1) + "\n")


if __name__ == "__main__":
    main()
