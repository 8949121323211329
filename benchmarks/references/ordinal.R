# Write what `ordinal::clmm` (R 4.2.2, ordinal 2022.11-16, GPL) estimates of two studies of readers
# and cases, one a table of cases x readers with their cohort, as small text files.
#
#   Rscript benchmarks/references/ordinal.R tests/statistics/fixtures
#
# wine: bitterness of wine by 9 judges in 8 bottles, cold or warm (Randall, Biometrical Journal 31
# (1989) 781-793, table 4, as in the package). simulated: 4 readers, 2 cohorts of 15 cases, gaps.
suppressMessages(library(ordinal))
folder <- commandArgs(trailingOnly = TRUE)[1]
told <- NULL

fitted <- function(study, data) {
  model <- suppressWarnings(clmm(
    factor(answer) ~ cohort + (1 | reader) + (1 | case), data = data,
    control = clmm.control(gradTol = 1e-8)))
  deviations <- sqrt(unlist(VarCorr(model)))
  values <- c(
    log_ratio = unname(model$beta), error = unname(sqrt(diag(vcov(model)))[names(model$beta)]),
    model$alpha, reader = deviations[["reader"]], case = deviations[["case"]],
    log_likelihood = as.numeric(logLik(model)))
  told <<- rbind(told, data.frame(study, quantity = names(values), value = format(values, digits = 12)))
  wide <- with(data, tapply(answer, list(case, reader), sum))
  cohort <- data$cohort[match(rownames(wide), data$case)]
  write.csv(data.frame(case = rownames(wide), cohort, wide, check.names = FALSE),
    file.path(folder, paste0("clmm_", study, ".csv")), row.names = FALSE, na = "", quote = FALSE)
}

data(wine)
fitted("wine", data.frame(
  reader = paste0("judge", wine$judge), case = paste0("bottle", wine$bottle),
  cohort = factor(ifelse(wine$temp == "warm", "first", "second"), c("second", "first")),
  answer = as.integer(wine$rating)))

set.seed(1)
grid <- expand.grid(reader = paste0("r", 1:4), case = sprintf("c%02d", 1:30), stringsAsFactors = FALSE)
grid$cohort <- factor(ifelse(grid$case <= "c15", "first", "second"), c("second", "first"))
latent <- 0.9 * (grid$cohort == "first") + rnorm(4)[factor(grid$reader)] +
  0.8 * rnorm(30)[factor(grid$case)] + rlogis(nrow(grid))
grid$answer <- findInterval(latent, c(-1, 0.5, 2)) + 1
fitted("simulated", grid[runif(nrow(grid)) > 0.15, ])
write.csv(told, file.path(folder, "clmm.csv"), row.names = FALSE, quote = FALSE)
