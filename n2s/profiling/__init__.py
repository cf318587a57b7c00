"""Time, memory and floating point operations of each part of a training step."""
