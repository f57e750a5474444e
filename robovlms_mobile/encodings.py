"""How a camera's bytes hold a picture, by ROS's names: shared by the policy and its ROS node, which loads no torch."""

CHANNELS = {"rgb8": 3, "bgr8": 3, "mono8": 1}  # bytes a pixel
COMPRESSED = ("jpeg", "png")
