"""What a run says of its policy while it trains, in the robot's units, and when it says that it learns nothing."""
