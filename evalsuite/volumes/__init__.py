"""Files -> Volume -> Cohort -> Preprocessing: the ground floor, which knows no other room."""
