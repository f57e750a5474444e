"""Samplers, looked up here by `*_dataset.sampler.type`; a name that is not here means the default one."""
