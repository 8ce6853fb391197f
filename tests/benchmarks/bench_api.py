"""How fast the API answers: end to end first, which is what users have, then its own work in process.

Every figure says which of the two it is: transport=grpc, store=etcd, or transport=none, store=memory.
The names and what they mean stand in README.md.
"""

from tests.benchmarks.api import end_to_end, fairness, fanout, in_process, lists, quotas, validation
from tests.support.bench import Report


async def run(report: Report) -> None:
    validation.run(report)
    await end_to_end.run(report)
    await lists.run(report)
    await fanout.run(report)
    await fairness.run(report)
    await in_process.run(report)
    await quotas.run(report)
