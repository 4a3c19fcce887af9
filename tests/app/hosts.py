# SPDX-License-Identifier: Apache-2.0
"""Two hosts on this machine: network namespaces with a virtual cable between them, each with a host name of its own."""

import contextlib
import itertools
import os
import shutil
import subprocess

from mpi import VARIABLES
from program import MPI_PROGRAM, environment

NETWORK = "10.77.0"  # inside the namespaces alone
CABLE = "cable"

# What mpirun calls in the place of ssh: agent ADDRESS COMMAND.
AGENT = """#!/bin/sh
case $1 in
  {network}.1) host={first} ;;
  *) host={second} ;;
esac
shift
exec ip netns exec $host unshare --uts sh -c "hostname $host; $*"
"""


class Hosts:
    """The two hosts, as long as the context lasts. `rate`: the cable's, such as "1gbit"; as fast as memory without."""

    made = itertools.count()

    def __init__(self, folder, rate=None):
        number = next(self.made)
        self.names = [f"host{i}-{os.getpid()}-{number}" for i in range(2)]
        self.rate = rate
        self.hostfile, self.agent = folder / "hosts", folder / "agent"
        self.hostfile.write_text(f"{NETWORK}.1 slots=1\n{NETWORK}.2 slots=1\n")
        self.agent.write_text(
            AGENT.format(network=NETWORK, first=self.names[0], second=self.names[1])
        )
        self.agent.chmod(0o755)

    def __enter__(self):
        one, two = self.names
        with contextlib.ExitStack() as undo:
            for name in self.names:
                ip("netns", "add", name)
                undo.callback(ip, "netns", "del", name)
            ip(
                *("link", "add", CABLE, "netns", one),
                *("type", "veth", "peer", "name", CABLE, "netns", two),
            )
            for i, name in enumerate(self.names):
                ip("-n", name, "addr", "add", f"{NETWORK}.{i + 1}/24", "dev", CABLE)
                for link in ("lo", CABLE):
                    ip("-n", name, "link", "set", link, "up")
                if self.rate:
                    shape = ("tbf", "rate", self.rate, "burst", "256kb", "latency", "50ms")
                    run(*("tc", "-n", name, "qdisc", "add", "dev", CABLE, "root"), *shape)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self._undo.close()

    def command(self, *contexts):
        """mpirun's command line on the first host, one rank a host, and its environment. Each context is the arguments
        of so many ranks as its first entry says."""
        line = ["ip", "netns", "exec", self.names[0], "unshare", "--uts", "sh", "-c"]
        line += [f'hostname {self.names[0]}; exec mpirun "$@"', "mpirun", "--quiet"]
        line += ["--hostfile", str(self.hostfile), "--map-by", "node"]
        for i, (ranks, *arguments) in enumerate(contexts):
            line += [":"] if i > 0 else []
            line += ["-n", str(ranks), MPI_PROGRAM, *map(str, arguments)]
        network = f"{NETWORK}.0/24"
        variables = {
            **VARIABLES,
            "OMPI_MCA_plm_rsh_agent": str(self.agent),
            "OMPI_MCA_btl": "tcp,self",
            "OMPI_MCA_btl_tcp_if_include": network,
            "OMPI_MCA_oob_tcp_if_include": network,
        }
        return line, environment(**variables)

    def programs(self, host):
        """Processes of ours on the host 0 or 1."""
        pids = map(int, run("ip", "netns", "pids", self.names[host]).split())
        return [pid for pid in pids if os.path.realpath(f"/proc/{pid}/exe") == MPI_PROGRAM]


def why_not():
    """Why there can be no such hosts here, or None."""
    missing = [tool for tool in ("ip", "tc", "unshare") if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    name = f"lior-try-{os.getpid()}"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except subprocess.CalledProcessError as error:
        return f"needs network namespaces: {error.stderr.strip()}"
    return None


def ip(*arguments):
    return run("ip", *arguments)


def run(*line):
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout
