"""The same mixtures of flows, composed of nflows and of zuko: the process that densities.py compares with.

Each line of input asks for one measurement, each line of output answers it, in JSON.
"""

import json
import sys
import time

import nflows.distributions
import nflows.flows
import nflows.transforms
import torch
import zuko
from torch import Tensor

FEATURES, EVENT, LAYERS, BATCH, SAMPLES = (int(number) for number in sys.argv[1:6])


class Net(torch.nn.Sequential):
    """Shift and scale of a coupling layer from the half that passes and the features, with one hidden layer."""

    def __init__(self, inputs: int, outputs: int, hidden: int) -> None:
        super().__init__(torch.nn.Linear(inputs + FEATURES, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, outputs))

    def forward(self, inputs: Tensor, context: Tensor) -> Tensor:
        """What nflows asks a coupling layer's network for."""
        return super().forward(torch.cat([inputs, context], dim=-1))


def masks() -> list[Tensor]:
    """Which half moves, layer by layer."""
    first = torch.arange(EVENT) < EVENT // 2
    return [first if layer % 2 else ~first for layer in range(LAYERS)]


def nflows_component(hidden: int) -> torch.nn.Module:
    """A Real NVP on a Gaussian that depends on the features."""
    couplings = [
        nflows.transforms.AffineCouplingTransform(mask.int(), lambda i, o: Net(i, o, hidden)) for mask in masks()
    ]
    base = nflows.distributions.ConditionalDiagonalNormal([EVENT], torch.nn.Linear(FEATURES, 2 * EVENT))
    return nflows.flows.Flow(nflows.transforms.CompositeTransform(couplings), base)


class ZukoBase(zuko.lazy.LazyDistribution):
    """A Gaussian that depends on the features."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(FEATURES, 2 * EVENT)

    def forward(self, context: Tensor) -> torch.distributions.Distribution:
        """The Gaussian."""
        loc, log_scale = self.linear(context).chunk(2, dim=-1)
        return zuko.distributions.DiagNormal(loc, log_scale.exp())


def zuko_component(hidden: int) -> torch.nn.Module:
    """The same."""
    couplings = [
        zuko.flows.GeneralCouplingTransform(EVENT, FEATURES, ~mask, hidden_features=(hidden,)) for mask in masks()
    ]
    return zuko.lazy.Flow(couplings, ZukoBase())


class Mixture(torch.nn.Module):
    """K flows of one library; neither has a mixture of them."""

    def __init__(self, library: str, components: int, hidden: int) -> None:
        super().__init__()
        self.zuko = library == "zuko"
        component = zuko_component if self.zuko else nflows_component
        self.components = torch.nn.ModuleList(component(hidden) for _ in range(components))
        self.logits = torch.nn.Linear(FEATURES, components)

    def log_prob(self, value: Tensor, context: Tensor) -> Tensor:
        """Log-density (B,)."""
        each = [c(context).log_prob(value) if self.zuko else c.log_prob(value, context) for c in self.components]
        return torch.logsumexp(torch.stack(each, dim=-1) + torch.log_softmax(self.logits(context), dim=-1), dim=-1)

    def sample(self, number: int, context: Tensor) -> Tensor:
        """Points (n, D) for one observation; only the components that they fall into are asked."""
        chosen = torch.multinomial(torch.softmax(self.logits(context)[0], dim=-1), number, replacement=True)
        points = torch.empty(number, EVENT)
        for index in chosen.unique().tolist():
            rows = torch.nonzero(chosen == index)[:, 0]
            component, count = self.components[index], len(rows)
            points[rows] = (
                component(context).sample((count,))[:, 0] if self.zuko else component.sample(count, context)[0]
            )
        return points


def training(model: Mixture, inputs: tuple[Tensor, Tensor], number: int) -> None:
    """Log-probability and its gradient for a batch."""
    values, contexts = inputs
    model.zero_grad()
    (-model.log_prob(values[number % 4], contexts[number % 4]).mean()).backward()


def sampling(model: Mixture, inputs: tuple[Tensor, Tensor], number: int) -> None:
    """Samples for one observation."""
    with torch.no_grad():
        model.sample(SAMPLES, inputs[1][number % 4][:1])


def main() -> None:
    """Answers until there are no more questions."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    inputs = torch.randn(4, BATCH, EVENT), torch.randn(4, BATCH, FEATURES)
    models = {}
    for line in sys.stdin:
        asked = json.loads(line)
        key = asked["library"], asked["components"], asked["hidden"]
        run = training if asked["work"] == "training" else sampling
        if key not in models:
            models[key] = Mixture(*key)
        model = models[key]
        run(model, inputs, 0)
        times = []
        for number in range(asked["calls"]):
            started = time.process_time()
            run(model, inputs, number)
            times.append(1e3 * (time.process_time() - started))
        parameters = sum(p.numel() for p in model.parameters())
        print(json.dumps({"milliseconds": times, "parameters": parameters}), flush=True)


if __name__ == "__main__":
    main()
