"""The model card of an adapter folder."""

import json

import pytest

from robovlms_mobile.adapters.card import model_card
from robovlms_mobile.adapters.contract import contract

URL = "https://huggingface.co/microsoft/kosmos-2-patch14-224"
METRICS = {"epoch": 4, "train_loss": 0.5, "val_loss": None}


@pytest.mark.parametrize(
    ("folder", "named"), [(".vlms/kosmos-2-patch14-224", True), ("runs/demo/tiny-kosmos-2", False)]
)
def test_the_base_model_is_named_where_its_folder_is_what_the_url_leads_to(make_config, folder, named):
    config = json.loads(make_config(model_url=URL, vlm={"pretrained_model_name_or_path": folder}).read_text())
    card = model_card(config, contract(config), METRICS)
    assert ("base_model: microsoft/kosmos-2-patch14-224\n" in card) is named
    expected = "microsoft/kosmos-2-patch14-224" if named else folder
    assert f'from_pretrained("{expected}")' in card
    assert "epoch 5" in card and "train_loss: 0.5000" in card and "val_loss" not in card
