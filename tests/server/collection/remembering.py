"""How much memory leader and helper take as reports go by: ``remembering.py FOLDER REPORTS``, in bytes, twice.

The first number is the peak after some reports, the second after all of them.
"""

import sys
from pathlib import Path

from benchmarks.peak import peak_memory
from homespun_server.collection.messages import Role
from tests.server.collection.support import counts_of, near_pair, report_of, settings_of, vector_of, with_aggregation

ITEMS = 50_000
"""200 kB a report."""

JOB_BYTES = 1 << 20
WARM = 30


def main(folder: Path, reports: int) -> None:
    roles: tuple[Role, ...] = ("leader", "helper")
    settings = {role: with_aggregation(settings_of(folder, role), job_bytes=JOB_BYTES) for role in roles}
    with near_pair(settings) as pair:
        task = pair.add(statistic=counts_of(items=ITEMS))
        vector = vector_of(1, ITEMS)
        peaks = []
        for number in range(WARM + reports):
            pair.take(task, [report_of(task, number, vector=vector)])
            if number % 10 == 9:
                pair.work(task)
            if number == WARM - 1:
                peaks.append(peak_memory())
        pair.work(task)
        peaks.append(peak_memory())
        count = pair.parts.places.batch(pair.known(task)).count
    sys.stdout.write(f"{count} {peaks[0]} {peaks[1]}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
