"""Results as JSON: everything that was measured, and the summaries of it."""

import copy
import dataclasses
import json

from . import results, summary


def write_json(so_far, reached, file):
    written = copy.deepcopy(so_far)
    for scenario in written["scenarios"]:
        for point in scenario["points"]:
            point["summaries"] = {name: summary.summarize(runs)
                                  for name, runs in point["subjects"].items()}
    written["targets"] = [{**dataclasses.asdict(each), "verdict": each.verdict()}
                          for each in reached]
    file.write_text(json.dumps(written, indent=1) + "\n")


def read_results(file):
    """Raises ValueError for what is not one of these files."""
    found = json.loads(file.read_text())
    parts = results.empty("", {}, {}, {}, ())
    if not isinstance(found, dict) or found.get("format") != results.FORMAT or parts.keys() - found:
        raise ValueError(f"{file} holds no results of this version")
    return found
