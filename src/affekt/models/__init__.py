"""Cards, networks and the weights they start from."""
