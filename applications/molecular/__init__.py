"""Molecular conformers: data, training, generation and evaluation on the shape space R^{3N}/SE(3)."""
