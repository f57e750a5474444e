"""Names nobody knows are listed with the closest that is known."""

import pytest

from robovlms_mobile.data.block import BLOCK_KEYS
from robovlms_mobile.data.names import check_keys
from robovlms_mobile.errors import ConfigError


def test_check_keys_lists_every_unknown_name_with_the_closest():
    assert check_keys(["type", "data_dir"], BLOCK_KEYS, "block") is None
    with pytest.raises(
        ConfigError, match=r"val_dataset: unknown keys 'window' \(did you mean 'windows'\?\); 'zzz'\. Known:"
    ):
        check_keys(["window", "type", "zzz"], BLOCK_KEYS, "val_dataset")
