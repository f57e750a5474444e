import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.episodes import a_day, automatic_day

from robovlms_mobile.data.block import Block
from robovlms_mobile.data.split import manifest as manifests
from robovlms_mobile.data.split.kept import divided, manifest_path
from robovlms_mobile.errors import DataError
from robovlms_mobile.simulation.world import SCENARIOS


@pytest.fixture
def block(tmp_path):
    return Block(str(tmp_path))


@pytest.fixture
def divisions(monkeypatch):
    """The paths that were divided, each time the kept split was not enough."""
    stock, seen = manifests.divide, []
    monkeypatch.setattr(
        manifests, "divide", lambda path, *given, **named: seen.append(path) or stock(path, *given, **named)
    )
    return seen


def store_of(digests):
    entries = {name: SimpleNamespace(digest=digest) for name, digest in digests.items()}
    return SimpleNamespace(entries=entries, planes={}.__getitem__)


def test_a_kept_split_is_read_with_its_notes_and_nothing_is_divided_again(block, divisions):
    episodes = automatic_day(list(SCENARIOS[:4]))
    first = divided(block, episodes)
    assert any("val_loss is optimistic" in note for note in first[2])
    assert divided(block, episodes[::-1]) == first
    assert len(divisions) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept.pop("notes"),
        lambda kept: kept.update(notes=None),
        lambda kept: kept.update(pattern="day1/*.h5"),
        lambda kept: kept["train"].popitem(),
        lambda kept: kept["train"].update({"episode_of_another_day.h5": None}),
        lambda kept: kept["train"].update(dict.fromkeys(kept["train"], "of another file")),
    ],
)
def test_a_split_that_does_not_say_all_is_divided_again_and_kept_anew(block, divisions, change):
    episodes = a_day(40)
    store = store_of({each.name: "0" * 32 for each in episodes})
    train, validation, _ = divided(block, episodes, store)
    path = manifest_path(block)
    kept = json.loads(path.read_text())
    change(kept)
    path.write_text(json.dumps(kept))
    again = divided(block, episodes, store)
    assert len(divisions) == 2
    assert again[1] >= validation and again[0] <= train  # an episode taken out may be placed anew
    assert again[0] | again[1] == train | validation


def test_notes_of_some_of_the_episodes_are_not_kept_as_those_of_all(block, divisions):
    episodes = a_day(40)
    whole = divided(block, episodes)
    assert any("not among the episodes of this run" in note for note in divided(block, episodes[1:])[2])
    assert json.loads(manifest_path(block).read_text())["notes"] is None
    assert divided(block, episodes) == whole and len(divisions) == 3
    assert divided(block, episodes) == whole and len(divisions) == 3


def test_nearly_one_side_is_refused_until_it_is_asked_for_and_again_when_it_no_longer_is(block, divisions):
    episodes = [each for each in a_day(80) if each.scenario.endswith("left")]
    with pytest.raises(DataError, match="40 of 40 episodes pass on the left"):
        divided(block, episodes)
    assert not manifest_path(block).exists()
    meant = replace(block, one_sided=True)
    first = divided(meant, episodes)
    assert divided(meant, episodes) == first and len(divisions) == 2
    with pytest.raises(DataError, match="one_sided"):
        divided(block, episodes)
