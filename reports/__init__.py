"""Statistics, figures and reports of evaluations and reader studies."""
