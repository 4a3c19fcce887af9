"""One file a subject; lior.torch.ops has them all."""
