"""Drive a robot with an adapter folder: `MobilePolicy`, camera frames in, velocities out.

What it needs: the adapter folder, the base model's folder, and a RoboVLMs checkout (`root`, ROBOVLMS_ROOT or
./RoboVLMs; no patch, no GPU). The checkout stays necessary on the robot: policy head, action token and the merging of
picture and text are upstream's code, which is not copied here. Its trainer and Lightning are not imported.
"""

from robovlms_mobile.policy.mobile import MobilePolicy

__all__ = ["MobilePolicy"]
