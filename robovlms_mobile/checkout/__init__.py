"""The RoboVLMs checkout: find it, fetch it, say how it stands, patch it. No torch, no import of `robovlms` itself.

`patches/series.json` says what is expected.
"""
