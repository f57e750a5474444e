"""Does validation judge what training saw, and nothing that training saw itself?"""

from collections import Counter
from collections.abc import Iterator

from robovlms_mobile.checking.misleading.evidence import Evidence, listed
from robovlms_mobile.data.split.repeats import chained, copy_pairs, session_pairs
from robovlms_mobile.findings import Finding

SEVERAL = 3  # episodes of a scenario from which it can be on both sides


def scenarios_apart(evidence: Evidence) -> Iterator[Finding]:
    """Yield scenarios of several episodes that are trained and never validated, or the other way round."""
    if evidence.split is None or not evidence.enough:
        return
    scenario = {each.name: each.scenario for each in evidence.episodes if each.scenario}
    train, validation = (
        Counter(scenario[name] for name in names if name in scenario)
        for names in (evidence.split.train, evidence.split.validation)
    )
    for here, there, only in ((train, validation, "trained and never validated"), (validation, train, "never trained")):
        alone = sorted(name for name, count in here.items() if count >= SEVERAL and not there[name])
        if alone:
            what = f"scenarios that are {only}: {', '.join(f'{name} ({here[name]})' for name in alone)}"
            fix = '"split": "stratified" puts each on both sides where that can be; else record more sessions of it'
            yield Finding("warn", what, evidence.where, fix)


def recordings_torn(evidence: Evidence) -> Iterator[Finding]:
    """Yield recordings, and near-duplicates of one another, that train and validate."""
    if evidence.split is None:
        return
    side = dict.fromkeys(evidence.split.train, 0) | dict.fromkeys(evidence.split.validation, 1)
    names = sorted(side)
    groups = chained(names, copy_pairs(names, evidence.signatures) + session_pairs(evidence.episodes))
    torn = [group for group in groups if len({side[name] for name in group}) > 1]
    if torn:
        what = f"{len(torn)} recordings are on both sides of the split, so val_loss is optimistic"
        fix = "record each scenario in another session as well, or take split “stratified” and delete the split kept"
        yield Finding("warn", f"{what}: {'; '.join(map(listed, torn[:2]))}", evidence.where, fix)
