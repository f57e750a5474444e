"""A policy for a robot without the GPU: openpi's wire, so that its client drives this policy as it is."""
