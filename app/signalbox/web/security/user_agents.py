"""Name a browser by its User-Agent header, which anyone can forge: the result is bounded, and only shown. Pure."""

BROWSERS = (  # in this order: each header also names the browsers below
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chromium"),  # Chrome sends no more than other Chromium browsers
    ("Safari/", "Safari"),
)

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


def browser_name(agent: str) -> str:
    """Return "Chromium on Linux" for a User-Agent header, or the program's own name: "curl"."""
    name = next((name for text, name in BROWSERS if text in agent), None)
    if name is None:
        return agent.partition("/")[0].strip()[:PRODUCT_LENGTH_MAX] or "unknown"
    system = next((system for text, system in SYSTEMS if text in agent), None)
    return f"{name} on {system}" if system else name


def is_phone(agent: str) -> bool:
    return "iPhone" in agent or ("Android" in agent and "Mobile" in agent)
