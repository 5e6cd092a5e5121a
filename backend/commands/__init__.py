"""The commands of `perlinsos`, a file for each family."""
