"""Files damaged as disks and transfers do it: cut, bytes changed, a stretch of zeros, gone."""

import random


def damage(path, rng: random.Random, gone=False):
    """Damage one file in one of these ways; `gone`: it may also vanish."""
    content = bytearray(path.read_bytes())
    how = rng.choice(["cut", "one", "many", "zeros", *["gone"] * gone])
    if how == "gone":
        path.unlink()
        return
    place = rng.randrange(len(content))
    if how == "cut":
        del content[place:]
    elif how == "zeros":
        end = min(len(content), place + 500)
        content[place:end] = bytes(end - place)
    else:
        for _ in range(1 if how == "one" else 40):
            content[rng.randrange(len(content))] = rng.randrange(256)
    path.write_bytes(content)
