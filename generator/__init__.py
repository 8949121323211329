"""Trains the VQ-GAN and the latent diffusion model, and samples volumes."""
