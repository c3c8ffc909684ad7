"""axe, in the page that is open."""

import json
from pathlib import Path

from playwright.async_api import Page

AXE = Path("node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


async def serious(page: Page) -> list[str]:
    """Return the serious accessibility faults of a page, each with the first element that has it."""
    await page.evaluate(AXE)  # by the debugger: the policy does not let a page do it
    found = await page.evaluate("axe.run().then(r => JSON.stringify(r.violations))")
    return [
        f"{fault['id']}: {fault['nodes'][0]['target']}"
        for fault in json.loads(found)
        if fault["impact"] in {"serious", "critical"}
    ]
