"""What is computed of a study, each once, for the first page and the chapters."""

from dataclasses import dataclass
from functools import cached_property

from evalsuite.statistics.agreement.between import agreement_between_readers
from evalsuite.statistics.agreement.within import agreement_within_readers
from evalsuite.statistics.careless import careless
from evalsuite.statistics.ratings.comparison import comparisons
from evalsuite.statistics.result import Result
from evalsuite.statistics.roc.choice import Choices, choice_merits, choices
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import MultiReader, obuchowski_rockette
from evalsuite.statistics.roc.readings import Readings, turing_readings
from reports.sources import StudyData


@dataclass(frozen=True)
class StudyResults:
    """A study with what more than one part of its report tells.

    Args:
        study: with its long table.
        replicates: of every bootstrap.
    """

    study: StudyData
    replicates: int

    @cached_property
    def told_apart(self) -> list[tuple[Readings, MultiReader]]:
        """By question whether a case is real, the readings and the analysis of their areas."""
        asked = turing_readings(self.study.table, self.study.points)
        return [(readings, obuchowski_rockette(auc_merits(readings))) for readings in asked]

    @cached_property
    def chosen(self) -> list[tuple[Choices, MultiReader]]:
        """By question asked of pairs, the choices and the analysis of their shares."""
        return [
            (pairs, obuchowski_rockette(choice_merits(pairs)))
            for pairs in choices(self.study.table)
        ]

    @cached_property
    def compared(self) -> list[Result]:
        """Real against synthetic cases."""
        return comparisons(self.study.table, points=self.study.points)

    @cached_property
    def between(self) -> list[Result]:
        """Agreement between readers."""
        return agreement_between_readers(
            self.study.table, points=self.study.points, replicates=self.replicates
        )

    @cached_property
    def within(self) -> list[Result]:
        """Agreement of each reader with themselves."""
        return agreement_within_readers(
            self.study.table, points=self.study.points, replicates=self.replicates
        )

    @cached_property
    def careless(self) -> list[Result]:
        """Signs of careless reading, raised or not."""
        return careless(self.study.table, self.study.points)
