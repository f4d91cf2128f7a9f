"""Ready-to-use applications of quotient-space diffusion."""
