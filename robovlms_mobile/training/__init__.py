"""What the plugin adds to a training run: Lightning callbacks, one idea a file."""


def callbacks():
    """Return the callbacks for a Trainer of upstream's: one that looks at the config and brings in the others."""
    from robovlms_mobile.training.run import MobileRun

    return [MobileRun()]
