"""What the plugin adds to a training run: Lightning callbacks, one idea a file."""
