"""Training on what the policy itself collects (Section VI-C): collectors and a learner, each in its own process.

The logs are ordinary ones, each of a few hundred trials of one policy. A collector appends to them, the learner
follows them, and neither knows of the other: whichever is killed, the logs and the checkpoints are all that counts.

runs/mof/
    logs/           what was collected: ordinary logs, and the replay buffer of a run that goes on
    checkpoints/    the averages of the weights, whose newest one collects
"""

__all__: list[str] = []
