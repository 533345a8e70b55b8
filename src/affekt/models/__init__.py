"""A model without torch: its card, the runtimes that execute it, and the choice of the fastest."""
