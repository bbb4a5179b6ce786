"""One call of the benchmark: what every topic needs at hand."""

from calls import call


class Bench:
    """Site, programs and contenders of this call, and the samples to show."""

    def __init__(self, options, site, luthier, rivals, contenders, plays):
        self.options, self.site, self.luthier, self.rivals = options, site, luthier, rivals
        self.contenders, self.plays = contenders, plays
        self.samples = {}

    def agent(self):
        """The embedded agent as a file of its own."""
        path = self.site.folder / "luthier-agent"
        if not path.exists():
            call([self.luthier, "agent", "-d", path], env=self.site.env())
            path.chmod(0o755)
        return path

    def keep(self, topic, samples):
        """Show these samples in the results."""
        for name, row in samples.items():
            self.samples[f"{topic}: {name}"] = row.wall
