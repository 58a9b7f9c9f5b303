"""The results of a run as one value that JSON can hold, and how others read it. Measures
nothing and formats nothing."""

from . import summary

FORMAT = 1


def empty(command, machine, versions, settings, subjects):
    return {
        "format": FORMAT, "command": command, "started": None, "finished": None,
        "interrupted": False, "machine": machine, "versions": versions, "settings": settings,
        "subjects": {s.name: {"title": s.title, "family": s.family, "says": s.says,
                              "spins": s.spins} for s in subjects},
        "scenarios": [], "programs": [], "left_out": [],
    }


def add(all_of_it, step, subject, run):
    """Puts a run where it belongs; those of a subject at a point stand in the order of rounds."""
    scenario = find(all_of_it["scenarios"], "name", step.scenario.name)
    if scenario is None:
        scenario = {"name": step.scenario.name, "title": step.scenario.title,
                    "says": step.scenario.says, "figure": step.scenario.figure,
                    "unit": step.scenario.unit, "points": []}
        all_of_it["scenarios"].append(scenario)
    point = find(scenario["points"], "key", step.point.key)
    if point is None:
        point = {"key": step.point.key, "connections": step.point.connections,
                 "size": step.point.size, "link": step.point.link.text(), "x": step.point.x,
                 "share": step.point.share, "subjects": {}}
        scenario["points"].append(point)
    point["subjects"].setdefault(subject.name, []).append(run)


def find(list_of_them, key, value):
    return next((each for each in list_of_them if each[key] == value), None)


class Results:
    """Reads them."""

    def __init__(self, all_of_it):
        self.all = all_of_it

    def scenario(self, name):
        return find(self.all["scenarios"], "name", name)

    def runs(self, scenario, key, subject):
        """The runs of a subject at a point, in the order of rounds; none: an empty list."""
        found = self.scenario(scenario)
        point = find(found["points"], "key", key) if found else None
        return point["subjects"].get(subject, []) if point else []

    def figure(self, scenario, key, subject, name):
        """Its spread, or None."""
        return summary.summarize(self.runs(scenario, key, subject)).get(name)

    def ratio(self, name, above, below):
        """The spread of a figure's ratio, round by round; above and below are (scenario, key,
        subject). None if one was not measured."""
        return summary.paired(summary.by_round(self.runs(*above), name),
                              summary.by_round(self.runs(*below), name))

    def client_bound(self, scenario, key, subject):
        """Whether what was measured there is the client's speed."""
        return summary.client_bound(self.runs(scenario, key, subject))

    def slowest_rate(self):
        """(name, messages a second): whose median is the lowest of the echo with 64 connections
        that the kernel's client measured; or None."""
        scenario = self.scenario("connections")
        point = find(scenario["points"], "key", "64") if scenario else None
        rates = []
        for name in point["subjects"] if point else []:
            rate = self.figure("connections", "64", name, "rate")
            if rate is not None:
                rates.append((rate["median"], name))
        return (min(rates)[1], min(rates)[0]) if rates else None

    def program(self, name):
        """The output of one of the programs, or an empty text."""
        found = find(self.all["programs"], "name", name)
        return found["output"] if found and "failed" not in found else ""
