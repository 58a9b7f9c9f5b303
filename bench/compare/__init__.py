"""The comparison that `./dev bench` runs: servers on one veth pair, one client, one report."""
