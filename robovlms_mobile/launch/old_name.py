"""The model "kosmos" under its other name. Loaded for a run whose config calls it so."""


def call_kosmos2(configs: dict) -> None:
    """Call the model "kosmos2" in a config that calls it "kosmos".

    For "kosmos" main.py copies an old modeling_kosmos2.py into the installed transformers, which breaks a modern one,
    and reloads it. Nothing else of upstream tells the two names apart, but the prompt where the config names none.
    """
    configs["model"] = "kosmos2"
    tokenizer = configs["tokenizer"]
    tokenizer["tokenizer_type"] = tokenizer.get("tokenizer_type") or "kosmos"
    print(
        'robovlms-mobile: "model" is "kosmos2" from here on: for "kosmos" upstream overwrites a file of transformers.'
    )
