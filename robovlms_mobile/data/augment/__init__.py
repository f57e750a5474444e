"""Variations of training windows: augmentation, mirroring, balance."""
