"""What is to be run, in order: which scenarios, points and subjects, what is left out and why, and
how long it takes. Starts nothing."""

from dataclasses import dataclass

from .subjects import available

SETTLING = 0.25  # seconds a server takes to start and end, about


@dataclass(frozen=True)
class Step:
    scenario: object
    point: object
    subjects: tuple


def choose(all_of_them, names, kind):
    """Those of these names, in their own order. Raises ValueError, naming the mistake."""
    if not names:
        return list(all_of_them)
    known = [each.name for each in all_of_them]
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {kind} '{name}'; there are: {' '.join(known)}")
    return [each for each in all_of_them if each.name in names]


def lacking(point, help_texts, scenario):
    """None, or why the load generator cannot measure the point."""
    if point.protocol not in help_texts:
        return f"{scenario.name}: this coax has no 'load {point.protocol}'"
    for option in point.options:
        if option.startswith("--") and option not in help_texts[point.protocol]:
            return f"{scenario.name}: this coax's 'load {point.protocol}' has no {option}"
    return None


def make(scenarios, subjects, help_texts, programs, quick=False, named_subjects=False,
         several_cores=True):
    """(steps, lines that say what is left out). several_cores: subjects with two cores an end have
    them."""
    steps, left_out = [], []

    def leave_out(line):
        if line not in left_out:
            left_out.append(line)

    there = []
    for subject in subjects:
        why = available(subject, programs)
        if why is None and subject.queues > 1 and not several_cores:
            continue  # its target says why
        if why is None:
            there.append(subject)
        else:
            leave_out(why)
    for scenario in scenarios:
        points = scenario.short() if quick else scenario.points
        for point in points:
            why = lacking(point, help_texts, scenario)
            if why is not None:
                leave_out(why)
                continue
            takes = [s for s in there if scenario.takes(s, point)]
            if quick and scenario.quick_subjects and not named_subjects:
                takes = [s for s in takes if s.name in scenario.quick_subjects]
            if quick and point.connections > 1024:
                takes = takes[:2]
            if takes:
                steps.append(Step(scenario, point, tuple(takes)))
    return steps, left_out


def seconds_of(steps, rounds, seconds, warmup):
    """How long the steps take, about."""
    each = seconds + warmup + SETTLING
    return sum(len(step.subjects) for step in steps) * rounds * each


def ordered(steps, rounds):
    """(step, round, subject) in the order of measuring: A B C A B C ... at each point."""
    for step in steps:
        for turn in range(rounds):
            for subject in step.subjects:
                yield step, turn, subject
