"""The comparison's arithmetic and its report, without a lab: made-up runs in, figures and pages
out. Run by CTest as `bench: figures and report of the comparison`."""

import html.parser
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

from compare import (plan, plot, processes, programs, report_html, report_json, report_text,
                     results, scenarios, subjects, summary, targets)
from compare.measure import complaint, read_reflection

HELP = {"echo": "--rate --warmup", "http": "", "tcp-stream": "--direction", "tcp-churn": "",
        "udp-echo": ""}


def run_of(rate, server_cpu=0.5, busy=0.5, p50=10.0, **more):
    load = {"messages": 10_000, "messages_per_second": rate, "seconds": 2, "errors": 0,
            "mismatches": 0, "own_cpu_busy": busy, "megabits_per_second": rate / 1000,
            "latency_us": {"p50": p50, "p99": 3 * p50, "p99_9": 9 * p50, "max": 90 * p50}}
    usage = {"server_cpu": server_cpu, "server_core_busy": 2 * server_cpu, "client_cpu": busy,
             "other_work": 0.0, "steal": 0.0, "seconds": 2}
    return {"unit": "message", "load": load, "usage": usage, "server_command": "serve",
            "load_command": "load", "ready": "ready", **more}


def made_up(**rates):
    """Results of the scenarios connections (64) and pairs: subject -> rates, a round each."""
    chosen = subjects.all_subjects()
    everything = results.empty(
        "./dev bench", {"cores": 2, "processor": "<fast>", "kernel": "Linux", "load before": "0.1"},
        {"coax": "coax 1", "revision": "r"},
        {"rounds": 2, "seconds": 2, "warmup": 0, "quick": False, "server core": 0,
         "client core": 1}, chosen)
    everything["started"] = everything["finished"] = "now"
    for scenario in scenarios.all_scenarios():
        if scenario.name not in ("connections", "pairs", "ping-pong"):
            continue
        for point in scenario.points:
            step = plan.Step(scenario, point, tuple(chosen))
            for subject in chosen:
                name = subject.name.replace("-", "_")
                if scenario.takes(subject, point) and name in rates:
                    for rate in rates[name]:
                        run = {"failed": "it fell over"} if rate is None else run_of(rate)
                        results.add(everything, step, subject, run)
    return results.Results(everything)


class Figures(unittest.TestCase):
    def test_median_of_odd_even_and_none(self):
        self.assertEqual(summary.median([3, 1, 2]), 2)
        self.assertEqual(summary.median([4, 1, 2, 3]), 2.5)
        self.assertIsNone(summary.median([]))
        self.assertIsNone(summary.spread([None]))
        self.assertEqual(summary.spread([5, None, 1]),
                         {"median": 3, "min": 1, "max": 5, "count": 2})

    def test_ratios_are_of_the_same_round(self):
        # A machine that is ten times slower in the second round changes no ratio.
        self.assertEqual(summary.paired([200, 20, 2], [100, 10, 1])["min"], 2)
        self.assertEqual(summary.paired([200, None, 9], [100, 10, 0]),
                         {"median": 2, "min": 2, "max": 2, "count": 1})
        self.assertIsNone(summary.paired([1], [None]))

    def test_cost_of_a_message_is_the_share_of_a_core_over_the_rate(self):
        figures = summary.figures(run_of(100_000, server_cpu=0.5))
        self.assertAlmostEqual(figures["server_us"], 5)
        self.assertAlmostEqual(figures["core_us"], 10)
        stream = run_of(0, server_cpu=0.25, unit="MiB")
        stream["load"]["megabits_per_second"] = 8.388608 * 1000
        self.assertAlmostEqual(summary.figures(stream)["server_us"], 250)

    def test_a_failed_run_has_no_figures_and_is_not_counted(self):
        runs = [run_of(10), {"failed": "no"}, run_of(30)]
        self.assertEqual(summary.summarize(runs)["rate"]["count"], 2)
        self.assertEqual(summary.by_round(runs, "rate"), [10, None, 30])

    def test_who_was_the_limit(self):
        self.assertTrue(summary.client_bound([run_of(1, busy=0.95)]))
        self.assertFalse(summary.client_bound([run_of(1, busy=0.5)]))
        said = run_of(1, busy=0.2)
        said["load"]["bottleneck"] = True
        self.assertTrue(summary.client_bound([said]))

    def test_percentiles_end_where_messages_do(self):
        run = run_of(1)
        run["load"]["percentiles"] = [[0, 1], [50, 2], [99, 5], [99.9, 7], [100, 9]]
        self.assertEqual(summary.percentile_curve([run]),
                         [[0, 1], [25, 2], [50, 2], [75, 5], [90, 5], [95, 5], [99, 5], [99.5, 7],
                          [99.9, 7]])
        run["load"]["messages"] = 100  # of which 10 lie beyond 90 %
        self.assertEqual(summary.percentile_curve([run])[-1], [90, 5])
        self.assertEqual(summary.percentile_curve([run_of(1, p50=4)]),
                         [[50, 4], [99, 12], [99.9, 36]])

    def test_shares_of_cores_leave_out_what_lies_outside(self):
        def sample(when, server, busy):
            return processes.Sample(when, (int(server * 1e9), 0), (0, 0),
                                    ((int(busy * processes.TICKS), 0, 0), (0, 0, 0)))
        samples = [sample(0, 0, 0), sample(1, 9, 9), sample(2, 9.5, 9.75), sample(3, 90, 90)]
        shares = processes.shares(samples, 0.5, 2.5, 1)
        self.assertAlmostEqual(shares["server_cpu"], 0.5)
        self.assertAlmostEqual(shares["server_core_busy"], 0.75, places=1)
        self.assertAlmostEqual(shares["other_work"], 0.25, places=1)
        self.assertIsNone(processes.shares(samples, 0.5, 2.5, 1.5))

    def test_wrong_or_no_replies_are_no_figures(self):
        self.assertIsNone(complaint({"messages_per_second": 1, "mismatches": 0, "errors": 3}))
        self.assertIsNone(complaint({"messages_per_second": 0, "megabits_per_second": 8}))
        self.assertIn("2 replies", complaint({"messages_per_second": 1, "mismatches": 2}))
        self.assertIn("refused", complaint({"messages_per_second": 0, "first_error": "refused"}))

    def test_what_programs_print_is_read(self):
        self.assertEqual(programs.numbers("case   Ir per unit\nping-1     3990\nchurn  20892\n"),
                         {"ping-1": 3990, "churn": 20892})
        self.assertEqual(programs.rows("connections x\n 1000  1.5 512 2 3\nend of it\n"),
                         [[1000, 1.5, 512, 2, 3]])
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "log"
            file.write_text("ready: x\n31095 round trips per second (130 bytes, 64 under way)\n")
            self.assertEqual(read_reflection(file)["messages_per_second"], 31095)


class Plan(unittest.TestCase):
    def test_rounds_are_interleaved_at_each_point(self):
        steps = [plan.Step("s", point, ("A", "B", "C")) for point in (1, 2)]
        self.assertEqual("".join(subject for _, _, subject in plan.ordered(steps, 2)),
                         "ABCABCABCABC")

    def test_everything_has_a_place(self):
        folder = pathlib.Path("/nowhere")
        with unittest.mock.patch.object(plan, "available", lambda *_: None):
            steps, left_out = plan.make(scenarios.all_scenarios(), subjects.all_subjects(), HELP,
                                        folder)
            short, _ = plan.make(scenarios.all_scenarios(), subjects.all_subjects(), HELP, folder,
                                 quick=True)
        self.assertEqual(left_out, [])
        measured = {s.name for step in steps for s in step.subjects}
        self.assertEqual(measured, {s.name for s in subjects.all_subjects()})
        self.assertEqual({step.scenario.name for step in short},
                         {s.name for s in scenarios.all_scenarios()})
        # The short form has two and a half minutes, its programs in them.
        self.assertLess(plan.seconds_of(short, 1, 0.2, 0), 75)

    def test_what_cannot_be_measured_is_said_once(self):
        steps, left_out = plan.make(scenarios.all_scenarios(), subjects.all_subjects(),
                                    {"echo": ""}, pathlib.Path("/nowhere"))
        self.assertEqual(steps, [])
        self.assertEqual(len([l for l in left_out if l.startswith("bulk:")]), 1)
        self.assertTrue(any("run ./dev build" in line for line in left_out))

    def test_a_wrong_name_is_told_with_the_right_ones(self):
        with self.assertRaisesRegex(ValueError, "no subject 'epol'; there are: xdp"):
            plan.choose(subjects.all_subjects(), ["epol"], "subject")


class Targets(unittest.TestCase):
    def verdicts(self, **rates):
        return {o.what: o for o in targets.outcomes(made_up(**rates))}

    def test_reached_and_not_and_not_measured(self):
        pair = "echo 64 B, 64 connections, xdp to xdp over veth, one core each, sleeping: of "
        found = self.verdicts(xdp_xdp=[250, 25], epoll_epoll=[100, 10], reflection=[1000, 100])
        self.assertIs(found[pair + "bare epoll to bare epoll"].reached, True)
        self.assertEqual(found[pair + "bare epoll to bare epoll"].measured,
                         "2.500 x [2.500 .. 2.500]")
        self.assertIs(found[pair + "the raw AF_XDP reflection"].reached, False)
        self.assertIsNone(found["idle established connection"].reached)
        self.assertIsNone(found[pair.replace("sleeping", "spinning") +
                                "bare epoll to bare epoll"].reached)

    def test_every_target_of_the_table_has_a_line(self):
        found = targets.outcomes(made_up())
        self.assertEqual({o.reached for o in found}, {None})
        for word in ("round trip", "10,000", "co_await", "segment", "connect, one", "idle", "raw",
                     "server CPU", "p50", "bulk, one stream", "backend kernel", "two shards"):
            self.assertTrue(any(word in o.what + o.target for o in found), word)

    def test_million_idle_connections_are_wanted(self):
        measured = made_up()
        part = {"name": "idle", "output": "connections a b c d\n 1000 1 400 1 1\n"}
        measured.all["programs"] = [part]
        self.assertIsNone(targets.idle(measured).reached)
        part["output"] += "1000000 1 513 1 1\n"
        self.assertIs(targets.idle(measured).reached, False)


    def test_cores_are_those_of_the_machine_that_measured(self):
        measured = made_up()
        scenario = next(s for s in scenarios.all_scenarios() if s.name == "shards")
        step = plan.Step(scenario, scenario.points[0], ())
        for subject in subjects.all_subjects():
            if subject.name in scenario.among:
                rate = 190 if subject.name == "two-shards" else 100
                results.add(measured.all, step, subject, run_of(rate))
        self.assertIn("needs 4 cores, this machine has 2", targets.shards(measured).measured)
        measured.all["machine"]["cores"] = 64
        self.assertIs(targets.shards(measured).reached, True)


class Page(html.parser.HTMLParser):
    """What a page consists of; fails for elements that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> in {self.open}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


class Report(unittest.TestCase):
    def setUp(self):
        self.measured = made_up(xdp=[50, 60], asio_epoll=[100, 120], epoll=[None, None],
                                epoll_epoll=[10, 12], reflection=[9, 9])
        self.reached = targets.outcomes(self.measured)

    def test_page_needs_nothing_else(self):
        page = Page(report_html.page(self.measured, self.reached))
        self.assertEqual(page.open, [])
        for tag, attributes in page.seen:
            self.assertNotIn(tag, ("script", "link", "img", "iframe"))
            for name in ("src", "href"):
                self.assertTrue(attributes.get(name, "#").startswith("#"), attributes)
        self.assertIn("svg", [tag for tag, _ in page.seen])
        self.assertIn("<fast>", "".join(page.text))

    def test_losers_and_failures_are_shown(self):
        text = "".join(Page(report_html.page(self.measured, self.reached)).text)
        self.assertIn("not reached", text)
        self.assertIn("it fell over", text)

    def test_table_for_the_terminal(self):
        with tempfile.TemporaryFile("w+") as file:
            report_text.print_report(self.measured, self.reached, file)
            file.seek(0)
            text = file.read()
        self.assertRegex(text, r"asio-epoll +110 +\[100 \.\. 120\]")
        self.assertIn("2 of 2 failed: it fell over", text)

    def test_json_is_read_again(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "results.json"
            report_json.write_json(self.measured.all, self.reached, file)
            again = report_json.read_results(file)
            self.assertEqual(len(again["targets"]), len(self.reached))
            report_html.page(results.Results(again), targets.outcomes(results.Results(again)))
            file.write_text(json.dumps({"format": 0}))
            with self.assertRaises(ValueError):
                report_json.read_results(file)

    def test_names_at_lines_do_not_cover_one_another(self):
        places = plot.spread_out([50, 50, 50, 10], 0, 100)
        self.assertEqual(sorted(places), [10, 50, 63, 76])
        crowded = plot.spread_out([100, 100, 99], 0, 100)
        self.assertEqual(sorted(crowded), [74, 87, 100])

    def test_numbers_of_axes(self):
        self.assertEqual([plot.short(v) for v in (1, 1500, 2e6)], ["1", "1.5k", "2M"])
        self.assertEqual(plot.decades(9, 100), [10, 20, 50, 100])
        self.assertAlmostEqual(plot.place(99.9, "percentile"), 3)



def bench(*words, programs="/nonexistent"):
    """`./dev bench` as a process of its own, with these programs."""
    return subprocess.Popen([sys.executable, "-B", "-m", "compare", *map(str, words)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "COAX_BIN": str(programs)})


class CommandLine(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.programs = self.folder / "bin"
        self.programs.mkdir()
        self.script("coax", "exit 1")

    def script(self, name, text):
        file = self.programs / name
        file.write_text(f"#!/bin/bash\n{text}\n")
        file.chmod(0o755)

    def run_bench(self, *words):
        with bench(*words, programs=self.programs) as process:
            said = process.communicate(timeout=60)[0]
        return process.returncode, said

    def test_numbers_that_are_none_are_refused(self):
        for option, value in (("--rounds", 0), ("--seconds", 0), ("--seconds", "nan"),
                              ("--seconds", "inf"), ("--warmup", "nan"), ("--warmup", -1)):
            status, said = self.run_bench("--list", option, value)
            self.assertEqual(status, 2, f"{option} {value}")
            self.assertIn("--rounds is 1 or more", said)

    def test_where_nothing_can_be_written_is_told_before_anything_is_measured(self):
        self.script("bench_stack", f"touch {self.folder}/measured")
        (self.folder / "file").touch()
        status, said = self.run_bench("--scenarios", "stack", "--out", self.folder / "file")
        self.assertEqual(status, 2)
        self.assertIn("--out", said)
        self.assertFalse((self.folder / "measured").exists())

    def test_again_leaves_results_as_they_are(self):
        # A later run's stand in the same folder.
        (self.folder / "results.json").write_text("later ones")
        earlier = self.folder / "monday.json"
        measured = made_up(asio_epoll=[100])
        report_json.write_json(measured.all, targets.outcomes(measured), earlier)
        before = earlier.read_text()
        status, said = self.run_bench("--again", earlier)
        self.assertEqual(status, 0, said)
        self.assertEqual(earlier.read_text(), before)
        self.assertEqual((self.folder / "results.json").read_text(), "later ones")
        self.assertIn("asio-epoll", (self.folder / "report.html").read_text())

    def test_half_a_file_of_results_is_told(self):
        half = self.folder / "half.json"
        half.write_text(json.dumps({"format": results.FORMAT}))
        status, said = self.run_bench("--again", half)
        self.assertEqual(status, 2)
        self.assertIn("holds no results", said)
        self.assertNotIn("Traceback", said)

    def test_interrupt_leaves_a_report_and_no_process(self):
        # The script's child would outlive it, and holds its output open.
        self.script("bench_stack", f"timeout 300 sleep 300 & echo $! >{self.folder}/child; wait")
        child = self.folder / "child"
        with bench("--scenarios", "stack", "--out", self.folder / "out",
                   programs=self.programs) as process:
            until = time.monotonic() + 60
            while not (child.exists() and child.read_text()) and time.monotonic() < until:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 130, said)
        self.assertIn("interrupted", said)
        self.assertTrue(report_json.read_results(self.folder / "out/results.json")["interrupted"])
        self.assertTrue((self.folder / "out/report.html").exists())
        status = pathlib.Path(f"/proc/{int(child.read_text())}/stat")
        # Gone, or nobody has asked yet how it ended.
        self.assertTrue(not status.exists() or status.read_text().split()[2] == "Z")


if __name__ == "__main__":
    unittest.main()
