"""A simulated arm behind rosbridge, to drive over the real protocol what is not there."""
