# Write what psych 2.2.9 (ICCs, weighted kappa) and pROC 1.18.0 (areas, DeLong's covariance) in R
# 4.2.2, both GPL, say of the simulated study of readers and cases that `ordinal.R` wrote, without
# the cases that a reader left out.
#
#   Rscript benchmarks/references/agreement.R tests/statistics/fixtures
suppressMessages({library(psych); library(pROC)})
folder <- commandArgs(trailingOnly = TRUE)[1]
study <- na.omit(read.csv(file.path(folder, "clmm_simulated.csv")))
ratings <- study[, -(1:2)]
told <- NULL
tell <- function(quantity, value, low = NA, high = NA) {
  numbers <- lapply(list(value = value, low = low, high = high), format, digits = 12, trim = TRUE)
  told <<- rbind(told, data.frame(quantity, numbers))
}

icc <- ICC(ratings, lmer = FALSE)$results
names <- c("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")
for (k in 1:6) tell(names[k], icc$ICC[k], icc[["lower bound"]][k], icc[["upper bound"]][k])

pairs <- combn(ncol(ratings), 2)
for (k in seq_len(ncol(pairs))) {
  both <- ratings[, pairs[, k]]
  weights <- outer(1:4, 1:4, function(a, b) 1 - (a - b)^2 / 9)
  tell(paste("kappa", paste(names(both), collapse = " ")),
    cohen.kappa(both, w = weights, levels = 1:4)$weighted.kappa)
}

curves <- lapply(ratings, function(r) {
  roc(study$cohort, r, levels = c("second", "first"), direction = "<", quiet = TRUE)
})
for (name in names(curves)) {
  tell(paste("AUC", name), as.numeric(auc(curves[[name]])))
  tell(paste("variance", name), var(curves[[name]], method = "delong"))
}
for (k in seq_len(ncol(pairs))) {
  names <- names(curves)[pairs[, k]]
  tell(paste("covariance", paste(names, collapse = " ")),
    cov(curves[[names[1]]], curves[[names[2]]], method = "delong"))
}
write.csv(told, file.path(folder, "agreement.csv"), row.names = FALSE, na = "", quote = 1)
