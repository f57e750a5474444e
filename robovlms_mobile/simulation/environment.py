"""The synthetic room as a Gymnasium environment: a picture and an instruction in, velocities out.

>>> import gymnasium
>>> import robovlms_mobile.simulation.environment  # makes the name known
>>> rooms = gymnasium.make("robovlms_mobile/Room-v0")
"""

import string
from typing import Any

import gymnasium
import numpy as np

from robovlms_mobile.simulation.driver import SPEED
from robovlms_mobile.simulation.recordings import instruction
from robovlms_mobile.simulation.room import AS_RECORDED, Conditions, Drive, Verdict, judge, room

NAME = "robovlms_mobile/Room-v0"
LONGEST = 120  # letters of an instruction


class RoomEnv(gymnasium.Env):
    """One robot in a room of its own, told to go round the boxes on one side and stop at the cup.

    An observation is `{"image": (H, W, 3) uint8 RGB, "instruction": str}`; an action is (2,) linear_x, linear_y in m/s,
    each within ±1.15. An episode ends when the robot has parked (reward 1) or touched something (reward 0), and is cut
    off after `steps`. `info` says `is_success`, `is_parked`, `is_collision` and `is_wrong_side`: see `room.Verdict`.

    `reset(options={"seed": 90001, "index": 3})` gives the room number 3 that `robovlms-mobile drive` drives through.

    Args:
        steps: camera frames an episode lasts.
        conditions: what differs from the recorded rooms; its `size` is that of the picture.
        render_mode: None, or "rgb_array": `render()` returns what the camera sees.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012 Gymnasium's own form

    def __init__(self, steps: int = 30, conditions: Conditions = AS_RECORDED, render_mode: str | None = None):
        self.steps, self.conditions, self.render_mode = steps, conditions, render_mode
        width, height = conditions.size
        self.observation_space = gymnasium.spaces.Dict(
            image=gymnasium.spaces.Box(0, 255, (height, width, 3), np.uint8),
            instruction=gymnasium.spaces.Text(LONGEST, charset=string.ascii_letters + " ."),
        )
        self.action_space = gymnasium.spaces.Box(-np.float32(SPEED), np.float32(SPEED), (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        """Start in a new room, drawn by `seed`, or the one that `options` names. Returns (observation, info)."""
        super().reset(seed=seed)
        drawn = {"seed": int(self.np_random.integers(2**31)), "index": int(self.np_random.integers(2**16))}
        place = {**drawn, **(options or {})}
        world = room(place["seed"], place["index"], self.conditions)
        self._told = instruction(world, place["index"])
        self._drive, self._step = Drive(world, (place["seed"], place["index"]), self.conditions), 0
        return self._observation(), _info(self._verdict())

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        """Drive one step. Returns (observation, reward, terminated, truncated, info)."""
        self._drive.step(action)
        self._step += 1
        verdict = self._verdict()
        over = verdict.collision or verdict.parked
        return self._observation(), float(verdict.parked), over, self._step >= self.steps, _info(verdict)

    def render(self) -> np.ndarray | None:
        """Return what the camera sees, (H, W, 3) uint8, in render mode "rgb_array"."""
        return self._seen if self.render_mode == "rgb_array" else None

    def _observation(self):
        self._seen = self._drive.frame()
        return {"image": self._seen, "instruction": self._told}

    def _verdict(self) -> Verdict:
        return judge(self._drive.world, self._drive.path)


def _info(verdict):
    return {f"is_{name}": getattr(verdict, name) for name in ("success", "parked", "collision", "wrong_side")}


gymnasium.register(NAME, entry_point=f"{__name__}:RoomEnv")
