"""Medians with what lies around them, and ratios of what ran in the same round. Pure functions."""


def median(values):
    """The middle of the values; of an even number, the mean of the two in the middle."""
    ordered = sorted(values)
    if not ordered:
        return None
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2


def spread(values):
    """{median, min, max, count} of the values that are there, or None."""
    there = [v for v in values if v is not None]
    if not there:
        return None
    return {"median": median(there), "min": min(there), "max": max(there), "count": len(there)}


def paired(above, below):
    """The spread of the ratios, round by round: what slowed both down cancels out. Lists of values
    in the order of rounds; a round in which one is missing is left out."""
    return spread([a / b for a, b in zip(above, below)
                   if a is not None and b is not None and b > 0])


# Figures of a run: name -> function of the run. A run that failed has none.
def _latency(name):
    # Streams have none: nought.
    return lambda run: (run["load"].get("latency_us") or {}).get(name) or None


FIGURES = {
    "rate": lambda run: run["load"].get("messages_per_second"),
    "megabits": lambda run: run["load"].get("megabits_per_second"),
    "p50": _latency("p50"),
    "p90": _latency("p90"),
    "p99": _latency("p99"),
    "p99_9": _latency("p99_9"),
    "max": _latency("max"),
    "server_us": lambda run: per_unit(run, "server_cpu"),
    "core_us": lambda run: per_unit(run, "server_core_busy"),
    "client_busy": lambda run: run["load"].get("own_cpu_busy"),
    "other_work": lambda run: (run.get("usage") or {}).get("other_work"),
    "steal": lambda run: (run.get("usage") or {}).get("steal"),
    "errors": lambda run: run["load"].get("errors", 0) + run["load"].get("mismatches", 0),
}


def per_unit(run, share):
    """Microseconds of a core for each unit: message, or MiB where it is a stream."""
    units = run["load"].get("messages_per_second")
    if run.get("unit") == "MiB":
        megabits = run["load"].get("megabits_per_second")
        units = megabits * 1e6 / 8 / 2 ** 20 if megabits else None
    usage = run.get("usage")
    if not units or not usage:
        return None
    return usage[share] * 1e6 / units


def figures(run):
    """All figures of one run."""
    if "failed" in run:
        return {}
    return {name: take(run) for name, take in FIGURES.items()}


def summarize(runs):
    """name -> spread, over the runs of one subject at one point."""
    each = [figures(run) for run in runs]
    found = {name: spread([f.get(name) for f in each]) for name in FIGURES}
    return {name: s for name, s in found.items() if s is not None}


def by_round(runs, name):
    """A figure of each run in the order of rounds, None where the run failed."""
    return [figures(run).get(name) for run in runs]


GRID = (0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999)
LEAST_BEYOND = 10  # messages that must lie beyond a percentile for it to be told


def percentile_curve(runs):
    """[[percentile, microseconds]...] on a fixed grid: the medians of the runs. As far out as every
    run has enough messages."""
    curves = [curve_of(run) for run in runs if "failed" not in run]
    curves = [c for c in curves if c]
    if not curves:
        return []
    shared = set(curves[0]).intersection(*curves[1:])
    return [[p, median([c[p] for c in curves])] for p in sorted(shared)]


def curve_of(run):
    """{percentile of the grid: microseconds} of one run."""
    load = run["load"]
    steps = sorted(map(tuple, load.get("percentiles") or []))
    if not steps:
        steps = sorted(points_of_latency(load.get("latency_us") or {}).items())
        return {p: value for p, value in steps if enough(load, p)}
    found = {}
    for wanted in GRID:
        value = next((v for p, v in steps if p >= wanted), None)
        if value is not None and enough(load, wanted):
            found[wanted] = value
    return found


def enough(load, percentile):
    return load.get("messages", 0) * (100 - percentile) / 100 > LEAST_BEYOND - 0.5


def points_of_latency(latency):
    """{percentile: microseconds} of the members p50, p99_9, ..."""
    return {float(name[1:].replace("_", ".")): value for name, value in latency.items()
            if name.startswith("p") and value is not None}


CLIENT_LIMIT = 0.9


def client_bound(runs):
    """Whether the client was its own limit in half of the runs: the figure is then the client's."""
    there = [run["load"] for run in runs if "failed" not in run]
    if not there:
        return False
    bound = [bool(load.get("bottleneck")) or (load.get("own_cpu_busy") or 0) > CLIENT_LIMIT
             for load in there]
    return 2 * sum(bound) >= len(bound)
