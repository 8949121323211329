"""Make the pictures of the concepts: what moves each number, of features drawn from known laws.

`python docs/concept_pictures.py` takes a minute or two. Features are normal, as the true distance is
known in closed form then.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import evalsuite as ev

IMAGES = Path(__file__).parent / "images"
FEATURES = 32
SIZES = (10, 20, 40, 80, 160, 320)
REPEATS = 12
BLUE, ORANGE, GREY = "#1f77b4", "#d95f02", "#777777"


def values(
    real: np.ndarray, synthetic: np.ndarray, metric: str, **more: object
) -> dict[str, float]:
    """Return what a metric says of two arrays of features, by name."""
    return {e.name: e.value for e in ev.estimates(metric, real, synthetic, **more)}


def drawn(
    rng: np.random.Generator, n: int, *, shift: float = 0.0, spread: float = 1.0
) -> np.ndarray:
    """Draw features of n volumes."""
    return rng.normal(shift, spread, (n, FEATURES))


def sizes() -> None:
    """Picture what the numbers of two samples of one law are, by their size: all should be 0."""
    rng = np.random.default_rng(0)
    names = {
        "frechet_distance": ("Fréchet distance", ORANGE, "o-"),
        "frechet_distance_infinity": ("Fréchet distance, any size", BLUE, "s-"),
        "kid": ("KID", GREY, "^-"),
    }
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for n in SIZES:
        rows = []
        for _ in range(REPEATS):
            pair = drawn(rng, n), drawn(rng, n)
            rows.append(values(*pair, "frechet") | values(*pair, "mmd"))
        for name in names:
            found[name].append([row[name] for row in rows])
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, 3)
    for axis, (name, (title, colour, style)) in zip(axes, names.items(), strict=True):
        table = np.array(found[name])
        axis.plot(SIZES, table.mean(1), style, color=colour)
        axis.fill_between(SIZES, *np.quantile(table, (0.1, 0.9), axis=1), color=colour, alpha=0.2)
        axis.axhline(0, color="black", lw=0.8)
        axis.set(title=title, xscale="log", xlabel="volumes of each cohort")
    kept(figure, "sizes")


def faults() -> None:
    """Picture what each number does as a cohort gets worse in one of four ways."""
    rng = np.random.default_rng(1)
    n = 100
    real = drawn(rng, n)
    amounts = np.linspace(0, 1, 6)

    def shifted(amount: float) -> np.ndarray:
        return drawn(rng, n, shift=amount * 0.8)

    def narrow(amount: float) -> np.ndarray:
        return drawn(rng, n, spread=1 - 0.7 * amount)

    def repeated(amount: float) -> np.ndarray:
        fresh = drawn(rng, n)
        same = int(amount * n)
        fresh[:same] = fresh[0] + rng.normal(0, 0.01, (same, FEATURES))
        return fresh

    def outlying(amount: float) -> np.ndarray:
        fresh = drawn(rng, n)
        fresh[: int(amount * n)] += 3
        return fresh

    ways: dict[str, Callable[[float], np.ndarray]] = {
        "all volumes shifted": shifted,
        "too little variety": narrow,
        "one volume repeated": repeated,
        "some far outside": outlying,
    }
    shown = {
        "kid": "KID",
        "precision": "Precision",
        "recall": "Recall",
        "density": "Density",
        "coverage": "Coverage",
    }
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.subplots(len(shown), len(ways), sharex=True, sharey="row")
    for column, (way, make) in enumerate(ways.items()):
        rows = []
        for amount in amounts:
            synthetic = make(float(amount))
            rows.append(
                values(real, synthetic, "mmd") | values(real, synthetic, "precision_recall")
            )
        for row, (name, title) in enumerate(shown.items()):
            axis = axes[row, column]
            axis.plot(100 * amounts, [r[name] for r in rows], "o-", color=BLUE, ms=3)
            axis.grid(alpha=0.3)
            if name == "kid":
                axis.set_yscale("symlog", linthresh=0.1)
            if name == "density":
                axis.set_yscale("symlog", linthresh=1)
            if not column:
                axis.set_ylabel(title)
        axes[0, column].set_title(way, fontsize=10)
        axes[-1, column].set_xlabel("how much, %")
    kept(figure, "faults")


def subjects() -> None:
    """Picture intervals of KID of twenty studies, each subject of which shows four volumes."""
    rng = np.random.default_rng(2)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    truth = ev.kid(drawn(rng, 3000), drawn(rng, 3000, shift=0.15))
    for axis, (title, whose) in zip(
        axes, (("volumes taken for independent", None), ("subjects named", True)), strict=True
    ):
        for place in range(20):
            pair = [
                np.repeat(drawn(rng, 15, shift=s), 4, axis=0) + rng.normal(0, 0.1, (60, FEATURES))
                for s in (0, 0.15)
            ]
            people = [list(np.repeat(np.arange(15), 4)) for _ in pair]
            (kid,) = (
                e
                for e in ev.estimates("mmd", *pair, subjects=tuple(people) if whose else None)
                if e.name == "kid"
            )
            low, high = kid.interval.low, kid.interval.high
            colour = BLUE if low <= truth <= high else ORANGE
            axis.plot([place, place], [low, high], color=colour, lw=2)
            axis.plot(place, kid.value, "o", color=colour, ms=3)
        axis.axhline(truth, color="black", lw=0.8)
        axis.set(title=title, xlabel="study", xticks=[])
    axes[0].set_ylabel("KID")
    kept(figure, "subjects")


def copies() -> None:
    """Picture what numbers of privacy do as a generator copies more of its training volumes."""
    rng = np.random.default_rng(3)
    training, unseen = drawn(rng, 80), drawn(rng, 80)
    shares = np.linspace(0, 1, 6)
    found = []
    for share in shares:
        synthetic = drawn(rng, 80)
        same = int(share * 80)
        synthetic[:same] = training[:same] + rng.normal(0, 0.05, (same, FEATURES))
        to_training = nearest(synthetic, training)
        found.append(
            {
                "Distance to the closest training volume": np.median(to_training),
                "the same, to unseen real volumes": np.median(nearest(synthetic, unseen)),
                "KID": ev.kid(unseen, synthetic),
            }
        )
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for name, colour in zip(list(found[0])[:2], (ORANGE, BLUE), strict=True):
        axes[0].plot(100 * shares, [row[name] for row in found], "o-", color=colour, label=name)
    axes[0].legend(fontsize=8)
    axes[0].set(xlabel="copied, %", ylim=(0, None), title="Privacy tells")
    axes[1].plot(100 * shares, [row["KID"] for row in found], "o-", color=GREY)
    axes[1].axhline(0, color="black", lw=0.8)
    axes[1].set(xlabel="copied, %", title="KID does not", ylim=(-2, 10))
    kept(figure, "copies")


def nearest(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance of each row to the closest of others."""
    return np.sqrt(((some[:, None] - others) ** 2).sum(2)).min(1)


def kept(figure: Figure, name: str) -> None:
    """Keep a figure."""
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})


def main(names: Sequence[str] = ("sizes", "faults", "subjects", "copies")) -> None:
    """Make all pictures."""
    for name in names:
        globals()[name]()


if __name__ == "__main__":
    main()
