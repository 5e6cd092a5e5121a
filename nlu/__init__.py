"""Understanding what citizens write: one corpus, two engines, and the numbers and names found without any model."""
