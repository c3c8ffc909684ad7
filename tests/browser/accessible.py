"""Run axe in the open page."""

import json
from pathlib import Path

from playwright.async_api import Page

AXE = Path("node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


async def serious(page: Page) -> list[str]:
    """Return the serious accessibility issues of a page, each with its first element."""
    await page.evaluate(AXE)  # over the debugger, because the CSP blocks it in the page
    violations = await page.evaluate("axe.run().then(r => JSON.stringify(r.violations))")
    return [
        f"{issue['id']}: {issue['nodes'][0]['target']}"
        for issue in json.loads(violations)
        if issue["impact"] in {"serious", "critical"}
    ]
