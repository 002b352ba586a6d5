"""Robots that grasp: the contract, the simulated cell, and the fleet file."""
