"""Which browser it is, by what it says of itself. Pure. Anybody may say anything: the result is bounded, and only shown."""

BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chromium"),  # Chrome says no more than any other of its family
    ("Safari/", "Safari"),
)
"""What stands in the header, first found first: each pretends to be those after it."""

SYSTEMS = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "a Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
PRODUCT_LENGTH_MAX = 40


def browser(agent: str) -> str:
    """Return a User-Agent header in words: Chromium on Linux; of a program its own name: curl."""
    name = next((words for sign, words in BROWSERS if sign in agent), None)
    if name is None:
        return agent.partition("/")[0].strip()[:PRODUCT_LENGTH_MAX] or "unknown"
    system = next((words for sign, words in SYSTEMS if sign in agent), None)
    return f"{name} on {system}" if system else name


def is_phone(agent: str) -> bool:
    return "iPhone" in agent or ("Android" in agent and "Mobile" in agent)
