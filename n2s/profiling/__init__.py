"""Where a training step's time, memory and arithmetic go."""
