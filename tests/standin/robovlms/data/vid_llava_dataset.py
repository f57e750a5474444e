"""Imports that the mobile path never uses and that a small machine may lack.

Upstream needs some of them only to be imported: `import main` fails
without them. This module keeps three of the same kind:

    datasets
        by its name
    torchvision
        a submodule, under another name
    turtle
        needs tkinter; `pd` is its "pen down", where pandas was meant.
        Upstream's line is line 24 of its file of this name, so it is
        line 24 of this one too: a patch without context lines then
        fits both.

A fourth, open_clip, is imported by the module
`robovlms.model.backbone.base_backbone`, which
uses it as little.
"""
# ruff: noqa: F401, I001

import datasets
import torchvision.transforms as T
from turtle import pd
