"""What a spawned DataLoader worker starts with, in place of upstream's main.py.

Where processes are spawned and not forked (macOS, Python 3.14), Python runs the main script of its parent once more in
each of them. Upstream's main.py fails there for every package it imports and does not need; a worker does not need it
at all. This module is run instead: it makes upstream's modules importable, which the dataset is unpickled from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import spawn


@contextmanager
def workers_start_here() -> Iterator[None]:
    """For the length of the block, processes that this one spawns run this module in place of the main script."""
    stock = spawn.get_preparation_data

    def get_preparation_data(name):
        data = stock(name)
        data.pop("init_main_from_path", None)
        return {**data, "init_main_from_name": "robovlms_mobile.launch.worker"}

    spawn.get_preparation_data = get_preparation_data
    try:
        yield
    finally:
        spawn.get_preparation_data = stock


def _start():
    from robovlms_mobile import plugin

    plugin.register()


if __name__ == "__mp_main__":
    _start()
