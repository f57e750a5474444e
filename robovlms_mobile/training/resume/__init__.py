"""What a run starts from, and the state it leaves to be resumed from."""
