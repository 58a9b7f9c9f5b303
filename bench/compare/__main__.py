"""The command line of `./dev bench`: what is asked for, and the run as a whole."""

import argparse
import os
import pathlib
import shlex
import signal
import sys
import tempfile
import time

from . import lab, machine, measure, plan, processes, programs, results, targets
from .progress import Progress
from .report_html import write_html
from .report_json import read_results, write_json
from .report_text import print_report
from .scenarios import DOCUMENTS, all_scenarios
from .subjects import all_subjects

EXAMPLES = """\
examples:
  ./dev bench                                     everything; an hour and a quarter
  ./dev bench --quick                             every scenario once, seconds only: for function
  ./dev bench --scenarios ping-pong,connections   two of them
  ./dev bench --subjects xdp,asio-epoll,epoll --rounds 9 --seconds 5
  ./dev bench --scenarios pairs                   xdp to xdp beside the raw reflection rate
  ./dev bench --list                              what there is to choose from
  ./dev bench --again build/bench/results.json    the report of an earlier run once more
"""


def parse(words):
    parser = argparse.ArgumentParser(
        prog="./dev bench", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EXAMPLES,
        description="Compares servers over one veth pair in interleaved rounds, measures the stack "
        "alone, and writes a table, JSON and one HTML page. Needs root for the veth pair.")
    names = lambda text: [name for name in text.split(",") if name]
    parser.add_argument("--quick", action="store_true",
                        help="every scenario once and shortly: shows that all of it works, the "
                        "figures mean nothing")
    parser.add_argument("--scenarios", type=names, metavar="NAMES",
                        help="only these, with commas between; --list shows them")
    parser.add_argument("--subjects", type=names, metavar="NAMES", help="only these")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help="rounds at each point (default 5; 1 with --quick)")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help="measured time of each load (default 2; 0.2 with --quick)")
    parser.add_argument("--warmup", type=float, metavar="S",
                        help="time before that, not measured (default 0.5; 0 with --quick)")
    parser.add_argument("--cores", type=names, metavar="SERVER,CLIENT",
                        help="cores to pin them to (default: the last two)")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR",
                        help="where results.json and report.html go (build/bench)")
    parser.add_argument("--list", action="store_true", help="list scenarios and subjects")
    parser.add_argument("--again", type=pathlib.Path, metavar="FILE",
                        help="no measuring: the report of these results, beside them")
    asked = parser.parse_args(words)
    usual = {"rounds": 1, "seconds": 0.2, "warmup": 0} if asked.quick else \
            {"rounds": 5, "seconds": 2, "warmup": 0.5}
    for name, value in usual.items():
        if getattr(asked, name) is None:
            setattr(asked, name, value)
    # Not the other way round: nan is neither less nor more.
    if not (1 <= asked.rounds and 0.01 <= asked.seconds <= 86_400 and 0 <= asked.warmup <= 86_400):
        parser.error("--rounds is 1 or more, --seconds 0.01 to 86400, --warmup 0 to 86400")
    if asked.out is None:
        asked.out = asked.again.parent if asked.again else pathlib.Path("build/bench")
    return asked, parser


def cores_of(asked, parser):
    allowed = sorted(os.sched_getaffinity(0))
    if asked.cores is None:
        return (allowed[-2], allowed[-1]) if len(allowed) > 1 else (allowed[0], allowed[0])
    try:
        server, client = map(int, asked.cores)
    except ValueError:
        parser.error("--cores are two numbers with a comma between, such as 2,3")
    if server not in allowed or client not in allowed:
        parser.error(f"--cores: this program may use {allowed}")
    return server, client


def more_cores_of(asked, cores):
    """A second core for the server and for the client; None without. The short form, which measures
    nothing, makes do with those that there are."""
    others = sorted(os.sched_getaffinity(0) - set(cores))
    if len(others) >= 2:
        return tuple(others[-2:])
    return cores[::-1] if asked.quick else None


def list_all():
    print("scenarios (the last ones are programs that measure by themselves):")
    for each in [*all_scenarios(), *programs.all_programs()]:
        print(f"  {each.name:18} {each.title}")
    print("subjects:")
    for each in all_subjects():
        print(f"  {each.name:18} {each.title}: {each.says}")


def write_documents(folder):
    folder.mkdir()
    folder.chmod(0o755)
    for name, size in DOCUMENTS.items():
        (folder / name).write_bytes(bytes(i % 251 for i in range(size)))
    return folder


def open_loop_rate(step, so_far, rates):
    """The rate of an open-loop point; None if there is nothing to take a share of."""
    if step.point.share is None:
        return None
    slowest = results.Results(so_far).slowest_rate()
    if slowest is None:
        return 0
    rates[step.point.key] = {"share": step.point.share, "of": slowest[0],
                             "capacity": slowest[1], "rate": step.point.share * slowest[1]}
    return step.point.share * slowest[1]


def measure_all(asked, steps, so_far, place, progress):
    """Every step in interleaved rounds; what was measured so far is in so_far at any time."""
    server_core, client_core = place["cores"]
    with lab.Lab() as pair:
        so_far["lab"] = pair.describe()
        documents = write_documents(pair.directory / "documents")
        measurement = measure.Measurement(measure.Bench(
            pair, place["programs"], documents, server_core, client_core, place["more cores"],
            asked.seconds, asked.warmup))
        rates = so_far.setdefault("open_loop", {})
        for step, turn, subject in plan.ordered(steps, asked.rounds):
            rate = open_loop_rate(step, so_far, rates)
            if rate == 0:
                line = f"{step.scenario.name}: needs scenario 'connections' (64) in the same run"
                if line not in so_far["left_out"]:
                    so_far["left_out"].append(line)
                continue
            progress.show(f"{step.scenario.name} {step.point.key}, round {turn + 1} of "
                          f"{asked.rounds}: {subject.name}")
            run = measurement.run(subject, step.point, rate, step.scenario.unit)
            results.add(so_far, step, subject, run)
            if "failed" in run:
                progress.say(f"{step.scenario.name} {step.point.key}: {subject.name}: "
                             f"{run['failed']}")
            progress.done(asked.seconds + asked.warmup + plan.SETTLING)


def run_programs(asked, parts, so_far, place, progress):
    environment = {**os.environ, "COAX_BIN": str(place["programs"])}
    for part in parts:
        if part.needs_root and os.geteuid() != 0:
            so_far["left_out"].append(f"{part.name}: needs root")
            continue
        progress.show(f"{part.name}: {part.title}")
        done = programs.run(part, place["programs"], place["source"], asked.quick, environment)
        if done is None:
            so_far["left_out"].append(
                f"{part.name}: " + ("not in the short form" if not part.quick and asked.quick
                                    else f"there is no {part.program}"))
            continue
        so_far["programs"].append(done)
        if "failed" in done:
            progress.say(f"{part.name}: {done['failed']}")


def selection(asked, parser):
    """(scenarios, programs, subjects) that were asked for."""
    parts = programs.all_programs()
    known = [each.name for each in [*all_scenarios(), *parts]]
    for name in asked.scenarios or []:
        if name not in known:
            parser.error(f"there is no scenario '{name}'; there are: {' '.join(known)}")
    wanted = asked.scenarios or known
    try:
        subjects = plan.choose(all_subjects(), asked.subjects, "subject")
    except ValueError as mistake:
        parser.error(str(mistake))
    return ([s for s in all_scenarios() if s.name in wanted],
            [p for p in parts if p.name in wanted], subjects)


ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(*_):
    raise KeyboardInterrupt


def make_folder(folder):
    """Raises OSError if results could not be written there: better before an hour than behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def compare(asked, parser):
    source = pathlib.Path.cwd()
    folder = pathlib.Path(os.environ.get("COAX_BIN", "build/release/bin")).resolve()
    if not (folder / "coax").exists():
        parser.error(f"there is no {folder}/coax: run ./dev build")
    place = {"programs": folder, "source": source, "cores": cores_of(asked, parser)}
    place["more cores"] = more_cores_of(asked, place["cores"])
    try:
        make_folder(asked.out)
    except OSError as failure:
        parser.error(f"--out: {failure}")
    scenarios, parts, subjects = selection(asked, parser)
    steps, left_out = plan.make(scenarios, subjects, measure.offered(folder), folder, asked.quick,
                                bool(asked.subjects), place["more cores"] is not None)
    rootless = bool(steps) and os.geteuid() != 0
    if rootless:
        left_out.append("everything over veth: network namespaces need root")
        steps = []
    so_far = results.empty(
        "./dev bench " + shlex.join(sys.argv[1:]), machine.machine(), machine.versions(folder),
        {"rounds": asked.rounds, "seconds": asked.seconds, "warmup": asked.warmup,
         "quick": asked.quick, "server core": place["cores"][0],
         "client core": place["cores"][1],
         "descriptors": processes.raise_descriptor_limit()}, subjects)
    if place["more cores"] is None and "shards" in [s.name for s in scenarios]:
        left_out.append(f"two-shards: {targets.too_few_cores(len(os.sched_getaffinity(0)))}")
    so_far["left_out"] = left_out
    so_far["started"] = time.strftime("%Y-%m-%d %H:%M:%S %z")
    for number in ENDINGS:
        signal.signal(number, interrupt)
    # Beside the client, which is told when it was the limit, and never beside the server.
    others = sorted(os.sched_getaffinity(0) - set(place["cores"])) or [place["cores"][1]]
    whole = os.sched_getaffinity(0)
    progress = Progress(plan.seconds_of(steps, asked.rounds, asked.seconds, asked.warmup))
    broken = None
    try:
        if steps:
            os.sched_setaffinity(0, others)
            measure_all(asked, steps, so_far, place, progress)
            os.sched_setaffinity(0, whole)
        run_programs(asked, parts, so_far, place, progress)
    except KeyboardInterrupt:
        so_far["interrupted"] = True
    except (lab.LabError, OSError) as failure:
        broken = failure
    for number in ENDINGS:  # whoever is impatient still gets the report of what there is
        signal.signal(number, signal.SIG_IGN)
    os.sched_setaffinity(0, whole)
    progress.end()
    if broken is not None:
        print(f"./dev bench: {broken}", file=sys.stderr)
        if not so_far["scenarios"]:
            return 2
        so_far["left_out"].append(f"all that comes after this failure: {broken}")
    so_far["finished"] = time.strftime("%Y-%m-%d %H:%M:%S %z")
    status = report(so_far, asked.out)
    return 2 if broken is not None else status or (1 if rootless else 0)


def report(so_far, folder, again=False):
    """Writes and prints; 0 if all that was to be measured was. Again: of results that are written
    already, which may be beside later ones."""
    read = results.Results(so_far)
    reached = targets.outcomes(read)
    written = [folder / "report.html"]
    folder.mkdir(parents=True, exist_ok=True)
    if not again:
        written.insert(0, folder / "results.json")
        write_json(so_far, reached, written[0])
    write_html(read, reached, written[-1])
    print_report(read, reached, sys.stdout)
    print(f"\nwritten: {', '.join(map(str, written))}")
    failed = [run for s in so_far["scenarios"] for p in s["points"]
              for runs in p["subjects"].values() for run in runs if "failed" in run]
    failed += [p for p in so_far["programs"] if "failed" in p]
    return 130 if so_far["interrupted"] else 1 if failed else 0


def main():
    asked, parser = parse(sys.argv[1:])
    if asked.list:
        list_all()
        return 0
    if asked.again:
        try:
            return report(read_results(asked.again), asked.out, again=True)
        except (OSError, ValueError) as failure:
            parser.error(f"--again: {failure}")
    return compare(asked, parser)


sys.exit(main())
