"""What a paper says of the methods of a utility experiment."""

from collections.abc import Sequence

from evalsuite.utility.config import LABELLED_ARMS
from evalsuite.utility.results import UtilityResults

SCORES = (
    "Predictions were brought to the grid of the label maps. Dice and the symmetric 95 % Hausdorff "
    "distance of the surfaces in mm were computed for every structure of every held-out volume; "
    "Dice is undefined where the label map lacks the structure, the distance where either does, "
    "and undefined scores are left out (Maier-Hein et al., Nature Methods 21, 2024)."
)


def utility_methods(results: UtilityResults) -> tuple[str, ...]:
    """Return the paragraphs on design, networks, scores and statistics of one experiment."""
    return (_design(results), _networks(results), SCORES, _statistics(results))


def _design(results: UtilityResults) -> str:
    config, splits, cohorts = results.config, results.splits, results.cohorts
    real, synthetic, *unlabelled = cohorts.values()
    held = len(splits["test"])
    pool = len(splits["training"][0])
    drawn = "as the table of the volumes says" if splits["from_manifest"] else "drawn at random"
    shares = ", ".join(f"{share:g} % ({n})" for share, n in _shares(results))
    before = (
        f"{unlabelled[0]['volumes']} other real volumes"
        if unlabelled
        else "the volumes of all real training subjects, without their labels"
    )
    sentence = (
        f"Of the {held + pool} subjects ({real['volumes']} labelled real volumes) {held} were held "
        f"out to test with, {drawn}; no volume of theirs was trained on by any arm. The other "
        f"{pool} were put in a random order for each of {config['repeats']} repeats, and the first "
        f"of them trained on: {shares}. A network was trained on these labels from random weights, "
        f"after pre-training on {synthetic['volumes']} synthetic volumes, and after pre-training "
        f"on {before}."
    )
    if LABELLED_ARMS[0].name in config["arms"]:
        sentence += (
            " Two more were trained with the labels of the synthetic volumes: on these alone, and "
            "on real and synthetic ones, half of every batch each."
        )
    return sentence


def _networks(results: UtilityResults) -> str:
    config = results.config
    spacing = config["preprocessing"]["spacing"]
    grid = f"{_by(spacing)} mm" if isinstance(spacing, list) else "the volumes' own spacing"
    return (
        f"All networks were residual 3D U-Nets (Kerfoot et al., STACOM 2018; MONAI "
        f"{results.environment.get('packages', {}).get('monai', 'of unknown version')}) with "
        f"{', '.join(map(str, config['channels']))} channels, on patches of {_by(config['patch'])} "
        f"voxels at {grid}, {config['batch_size']} per update, AdamW from a learning rate of "
        f"{config['learning_rate']:g} that falls to zero, seed {config['seed']}. Pre-training, "
        f"{config['pretraining_steps']} updates: {config['pretext']} Training, {config['steps']} "
        f"updates in every arm, Dice plus cross-entropy loss: {config['augmentation']} The weights "
        "after the last update were tested; there was no validation and no early stop. The arms of "
        "a repeat start from the same random weights and see the same order of patches."
    )


def _statistics(results: UtilityResults) -> str:
    repeats = int(results.config["repeats"])
    crossed = (
        "Repeats and held-out subjects are crossed, and both are samples: the variance of a mean "
        "is s²/r + C, of the variance s² over r repeats and the covariance C of two repeats on the "
        "same subjects (Obuchowski and Rockette, Communications in Statistics 24, 1995), with "
        "Student's t after Cochran (Biometrics 20, 1964)."
        if repeats > 1
        else "Intervals are Student's t over held-out subjects, for the one training of each arm."
    )
    return (
        f"{crossed} Arms were compared on the differences of the same subjects in the same "
        "repeats; p-values are two-sided and corrected after Holm over all pairs of arms and all "
        "shares, for the mean of all structures apart from the single ones."
    )


def _shares(results: UtilityResults) -> list[tuple[float, int]]:
    counts = results.splits["counts"]
    return [(share, int(counts[f"{share:g}"])) for share in sorted(results.config["shares"])]


def _by(sides: Sequence[float]) -> str:
    return " x ".join(f"{side:g}" for side in sides)
