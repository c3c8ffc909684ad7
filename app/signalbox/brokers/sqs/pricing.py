"""The price of reading: Amazon bills each API request, and no request of SQS covers several queues."""

USD_PER_REQUEST = 0.40 / 1_000_000
SECONDS_PER_MONTH = 30.4 * 86_400


def price_per_month(queues: int, interval_s: float) -> float:
    """Return the US dollars per month for one process that reads these queues every `interval_s` seconds.

    One GetQueueAttributes per queue and reading, at $0.40 per million requests: Amazon's price for standard requests after the
    first free million per month, us-east-1, mid-2026 (https://aws.amazon.com/sqs/pricing/). Listing queues adds less than 1 %.
    """
    return queues * SECONDS_PER_MONTH / interval_s * USD_PER_REQUEST


def cost_note(queues: int, interval_s: float, watched_interval_s: float) -> str:
    """Return the price as a sentence with its source."""
    all_queues = price_per_month(queues, interval_s)
    one_watched = price_per_month(1, watched_interval_s)
    return (
        f"Reading {queues} queues every {interval_s:g} s costs about ${all_queues:.2f} per month, and each queue that is always on "
        f"a page (every {watched_interval_s:g} s) ${one_watched:.2f}, at Amazon's $0.40 per million requests after the free million."
    )
