"""A run's folder to export from."""

import pytest
from support.adapter_folders import write_folder


@pytest.fixture(scope="module")
def run(tiny_vlm, tmp_path_factory):
    """A run's folder with two adapter folders."""
    folder = tmp_path_factory.mktemp("run")
    write_folder(folder / "best", tiny_vlm)
    write_folder(folder / "last", tiny_vlm, seed=1)
    return folder
