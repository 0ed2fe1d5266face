"""How a model behaves where the right answer needs no label; the gate asks."""
