"""Plain values and vocabulary used by all other packages."""
