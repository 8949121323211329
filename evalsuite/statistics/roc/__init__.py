"""Can readers tell real from synthetic? ROC curves, multi-reader analysis, forced choice."""
