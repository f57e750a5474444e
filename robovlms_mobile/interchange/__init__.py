"""Episodes to and from what others record and train with: LeRobotDataset, rosbag2. Each needs an extra of setup.py."""
