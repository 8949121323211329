"""The statistics of a study as tables, which is how tests look at them."""

from dataclasses import fields
from functools import wraps
from types import SimpleNamespace

from evalsuite.statistics.agreement import between, within
from evalsuite.statistics.concordance import cases, generators
from evalsuite.statistics.ratings import averages as rated
from evalsuite.statistics.ratings import comparison
from evalsuite.statistics.ratings import course as session
from evalsuite.statistics.ratings import equivalence as margins
from evalsuite.statistics.ratings import sensitivity as other_models
from evalsuite.statistics.result import tabulated
from evalsuite.statistics.roc import choice, curves, mrmc


def table_of(statistic):
    """Return the statistic that returns the long table of its results."""

    @wraps(statistic)
    def table(*arguments, **options):
        return tabulated(statistic(*arguments, **options))

    return table


def obuchowski_rockette(*arguments, **options):
    """Return the analysis with tables in the place of results."""
    analysis = mrmc.obuchowski_rockette(*arguments, **options)
    names = [field.name for field in fields(analysis)]
    return SimpleNamespace(**{name: tabulated(getattr(analysis, name)) for name in names})


agreement_between_readers = table_of(between.agreement_between_readers)
agreement_of_pairs = table_of(between.agreement_of_pairs)
agreement_within_readers = table_of(within.agreement_within_readers)
concordance = table_of(cases.concordance)
generator_concordance = table_of(generators.generator_concordance)
averages = table_of(rated.averages)
distributions = table_of(rated.distributions)
comparisons = table_of(comparison.comparisons)
course = table_of(session.course)
times = table_of(session.times)
equivalence = table_of(margins.equivalence)
sensitivity = table_of(other_models.sensitivity)
reader_choices = table_of(choice.reader_choices)
reader_aucs = table_of(curves.reader_aucs)
reader_rates = table_of(curves.reader_rates)
