"""From a trained run to the files that predict without torch."""
