"""A run's policy for evaluation: frames of any number of drives in, velocities out, on the run's own model."""

from pathlib import Path

from robovlms_mobile.adapters.reading import POLICY
from robovlms_mobile.policy.building import load_folder
from robovlms_mobile.policy.stepping import FrameByFrame
from robovlms_mobile.runs import config_of, newest_run
from robovlms_mobile.training.ranking import BEST


class TrainedPolicy(FrameByFrame):
    """The policy of an adapter folder or a run's folder (its `best`), on the GPU where there is one.

    Args:
        path: the folder; run.json of its run says how the model was built.
        root: the RoboVLMs checkout.

    Attributes:
        run: the run's folder.
        folder: the adapters', or the run's.
        configs: the run's config.

    Raises:
        CheckpointError: no run.json, adapters that cannot be used, or a backbone with a transform of its own.
    """

    def __init__(self, path: str | Path, root: str | Path):
        self.run = newest_run(path)
        self.folder = Path(path) if (Path(path) / POLICY).is_file() else self.run  # of a run: its best
        configs = config_of(self.run)
        folder = self.folder if (self.folder / POLICY).is_file() else self.run / BEST
        loaded = load_folder(folder, base=configs["vlm"]["pretrained_model_name_or_path"], root=root, configs=configs)
        super().__init__(loaded.model, configs)
