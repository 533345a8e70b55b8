"""Networks in torch: their layers, their first weights, and how they are saved."""
