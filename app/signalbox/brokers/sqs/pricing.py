"""What asking costs: Amazon bills each request of its API, and SQS has no request that answers for several queues."""

USD_PER_REQUEST = 0.40 / 1_000_000
SECONDS_PER_MONTH = 30.4 * 86_400


def price_per_month(queues: int, interval_s: float) -> float:
    """Return the US dollars a month of reading so many queues each `interval_s` seconds, by one process.

    One GetQueueAttributes per queue and reading, at $0.40 per million requests: Amazon's price of standard requests after the
    first free million a month, us-east-1, as of mid-2026 (https://aws.amazon.com/sqs/pricing/). Listing queues adds less than
    a hundredth of it.
    """
    return queues * SECONDS_PER_MONTH / interval_s * USD_PER_REQUEST


def cost_note(queues: int, interval_s: float, watched_interval_s: float) -> str:
    """Return the price as a sentence, with where it comes from."""
    all_queues = price_per_month(queues, interval_s)
    one_watched = price_per_month(1, watched_interval_s)
    return (
        f"Reading {queues} queues each {interval_s:g} s costs about ${all_queues:.2f} a month, and each one that is always on a "
        f"page (each {watched_interval_s:g} s) ${one_watched:.2f}, at Amazon's $0.40 per million requests after the first free million."
    )
