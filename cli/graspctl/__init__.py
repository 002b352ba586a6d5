"""The command line of the grasping toolkit: one thin file per command."""
