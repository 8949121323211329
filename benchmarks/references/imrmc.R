# Write what iMRMC (DIDSR/iMRMC, FDA, CC0 1.0) says of its own test studies as small text files.
#
#   Rscript benchmarks/references/imrmc.R PATH/TO/iMRMC/Rpackage/iMRMC tests/statistics/fixtures
#
# Studies 1 to 4 are those of its tests/testthat/test_doIMRMC_R[1-4].R, drawn anew by the same
# random streams, with the frozen outputs of its Java program ("frozen", 8 digits) beside those of
# its R code ("run"). Study 5 is a split-plot design in two modalities, of which two cells are
# missing; it has no frozen output. Run with R 4.2.2 and iMRMC 2.1.2. Only the order of one
# reader's scores in one modality matters, so ranks are written.
suppressMessages({library(Matrix); library(parallel)})
paths <- commandArgs(trailingOnly = TRUE)
for (file in list.files(file.path(paths[1], "R"), full.names = TRUE)) source(file)

simulated <- function(stream, nR = 5, n = 40) {
  init.lecuyerRNG(stream = stream)
  config <- sim.gRoeMetz.config()
  config$nR <- nR
  config$nC.neg <- n
  config$nC.pos <- n
  scores <- sim.gRoeMetz(config)
  for (column in c("modalityID", "readerID", "caseID"))
    scores[[column]] <- as.character(scores[[column]])
  scores
}

thinned <- function(scores) scores[-sample(100:880, 100), ]

study1 <- simulated(1)
study1 <- thinned(study1[study1$modalityID != "testB", ])
study2 <- simulated(2)
study3 <- thinned(simulated(3))
study3 <- study3[!(study3$modalityID == "testA" & study3$readerID == "reader1"), ]
study3 <- study3[!(study3$modalityID == "testB" & study3$caseID == "negCase1"), ]
study4 <- simulated(3, nR = 10)
first <- study4$readerID %in% paste0("reader", 1:5)
study4 <- study4[!(study4$modalityID == "testA" & !first & study4$readerID != "truth"), ]
study4 <- study4[!(study4$modalityID == "testB" & study4$readerID %in% paste0("reader", 1:5)), ]
study5 <- simulated(5, nR = 6, n = 24)
block <- (as.integer(sub("\\D+", "", study5$caseID)) - 1) %% 3
own <- (as.integer(sub("\\D+", "", study5$readerID)) - 1) %% 3
study5 <- study5[study5$readerID == "truth" | own == block, ]
study5 <- study5[!(study5$modalityID == "testB" & study5$readerID == "reader5"), ]
study5 <- study5[!(study5$modalityID == "testA" & study5$caseID == "posCase4"), ]
studies <- list(study1, study2, study3, study4, study5)

told <- list()
tell <- function(study, source, of, quantity, value)
  told[[length(told) + 1]] <<- data.frame(study, source, of, quantity, value = format(value, digits = 15))

moments <- paste0("M", 1:8)
for (k in seq_along(studies)) {
  scores <- studies[[k]]
  read <- scores[scores$modalityID != "truth", ]
  read$rank <- ave(read$score, read$modalityID, read$readerID, FUN = rank)
  read$column <- paste(read$modalityID, read$readerID)
  truth <- scores[scores$modalityID == "truth", ]
  wide <- with(read, tapply(rank, list(caseID, column), sum))
  wide <- data.frame(
    case = rownames(wide), truth = truth$score[match(rownames(wide), truth$caseID)], wide,
    check.names = FALSE)
  write.csv(wide, file.path(paths[2], paste0("imrmc_", k, ".csv")), row.names = FALSE, na = "", quote = FALSE)

  all <- doAUCmrmc(scores)$Ustat.full
  for (i in seq_len(nrow(all))) {
    row <- all[i, ]
    of <- unique(c(as.character(row$modalityID.1), as.character(row$modalityID.2)))
    of <- paste(of, collapse = " ")
    tell(k, "run", of, "covariance", row$covAUC)
    for (m in moments) {
      tell(k, "run", of, m, row[[m]])
      tell(k, "run", of, paste0(m, ".coeff"), row[[paste0(m, ".coeff")]])
    }
    if (grepl(" ", of)) {
      tell(k, "run", of, "difference", row$AUC1minusAUC2)
      tell(k, "run", of, "variance of difference", row$varAUC1minusAUC2)
    } else {
      tell(k, "run", of, "AUC", row$AUC.1)
    }
  }
  if (k > 4) next
  file <- file.path(paths[1], "tests", "testthat", paste0("test_doIMRMC_R", k, ".rda"))
  frozen <- new.env()
  suppressWarnings(target <- get(load(file, frozen), frozen)$Ustat)
  for (i in seq_len(nrow(target))) {
    row <- target[i, ]
    if (row$modalityB == "NO_MOD") {
      tell(k, "frozen", as.character(row$modalityA), "AUC", as.numeric(row$AUCA))
      tell(k, "frozen", as.character(row$modalityA), "covariance", as.numeric(row$varAUCA))
    } else {
      of <- paste(row$modalityA, row$modalityB)
      tell(k, "frozen", of, "difference", as.numeric(row$AUCAminusAUCB))
      tell(k, "frozen", of, "variance of difference", as.numeric(row$varAUCAminusAUCB))
    }
  }
}
write.csv(do.call(rbind, told), file.path(paths[2], "imrmc.csv"), row.names = FALSE, quote = FALSE)
