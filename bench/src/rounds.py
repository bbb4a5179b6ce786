"""Contenders by turns: what else the machine does meets all of them alike."""

from dataclasses import dataclass, field

from calls import median


@dataclass
class Samples:
    """What one contender took, round by round."""

    wall: list = field(default_factory=list)
    cpu: list = field(default_factory=list)
    host_cpu: list = field(default_factory=list)

    def middle(self):
        """Median wall seconds."""
        return median(self.wall)

    def middle_cpu(self):
        """Median CPU seconds on the controller's side."""
        return median(self.cpu)

    def middle_host_cpu(self):
        """Median CPU seconds on the hosts' side, of all hosts together."""
        return median(self.host_cpu)


def alternate(site, contenders, rounds, fewer=()):
    """Call everybody once a round, in an order that turns; `fewer` maps names to their own number of rounds.

    `contenders` maps a name to (what is done before, unmeasured, or `None`; the call).
    """
    samples = {name: Samples() for name in contenders}
    fewer = dict(fewer)
    names = list(contenders)
    for at in range(rounds):
        turned = names[at % len(names):] + names[:at % len(names)]
        for name in turned:
            if at >= fewer.get(name, rounds):
                continue
            before, work = contenders[name]
            if before:
                before()
            spent = site.cpu()
            took = work()
            row = samples[name]
            row.wall.append(took.wall)
            row.cpu.append(took.cpu)
            row.host_cpu.append(site.cpu() - spent)
    return samples


def paired(samples, over, under):
    """The median over all rounds of one contender's wall time through another's of the same round."""
    return median([a / b for a, b in zip(samples[over].wall, samples[under].wall)])
