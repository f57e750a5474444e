"""What speaks against the precision that `mobile.base_dtype` gives the frozen base model."""

import json
from collections.abc import Iterator

from robovlms_mobile.config.access import section
from robovlms_mobile.options import BASE_DTYPE, COMPUTES, all_frozen


def refused(config: dict) -> Iterator[tuple[str, str, str]]:
    """Yield (where, what, fix) for a precision that is none, that autocast does not compute in, or that is trained."""
    told = config["mobile"]["base_dtype"]
    if told not in BASE_DTYPE:
        yield "mobile.base_dtype", f"is {json.dumps(told)}, expected one of {', '.join(BASE_DTYPE)}", 'set it to "auto"'
    elif told not in BASE_DTYPE[:2]:
        precision = section(config, "trainer").get("precision")
        computes = COMPUTES.get(str(precision), "fp32")
        if computes != told:
            what = f'is "{told}", and trainer.precision {json.dumps(precision)} computes in {computes}'
            yield "mobile.base_dtype", f"{what}: the first layer would stop on two precisions", 'set it to "auto"'
        if not all_frozen(section(config, "train_setup")):
            what = f'is "{told}", and train_setup trains some of the base model: small steps would round to nothing'
            yield "mobile.base_dtype", what, 'set it to "auto", or freeze the backbone and set lora_bias to "none"'
