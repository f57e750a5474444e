"""Drive a robot over ROS 2, and stop it when in doubt; and the synthetic room as such a robot.

`guard` decides what the wheels get: no ROS, and its clock is handed in. `policy_process` holds the policy in a
process of its own, `asking` waits for it in a thread, `pilot` brings the three together. Only `node` and `sim_node`
import rclpy, and only their verbs import these two.
"""
