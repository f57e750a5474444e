"""Where in its data a resumed run goes on. Loaded for one that resumes."""


def resumed_place(checkpoint: dict) -> tuple[int, int]:
    """Return (epoch, batches of it that are done) of a Lightning checkpoint, where a run that resumes from it goes on.

    `checkpoint["epoch"]` is the epoch it was saved in, at its end as in its middle; the loops say how many are done.
    """
    loops = checkpoint["loops"]["fit_loop"]
    epochs = loops["epoch_progress"]["current"]
    middle = epochs["ready"] > epochs["processed"]
    return epochs["processed"], loops["epoch_loop.batch_progress"]["current"]["processed"] if middle else 0
