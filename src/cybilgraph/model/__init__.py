"""Plain values and the vocabulary that every other package speaks."""
