"""Protein backbones: the same diffusion on R^{3N}/SE(3) as for small molecules, with data and measures of their own."""
